#include "weir/config/load.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "complete.h"
#include "environment.h"
#include "lint.h"
#include "parse.h"
#include "read.h"
#include "sections.h"
#include "tls_files.h"

namespace weir::config {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

void lint(const policy::Service& service, Findings& findings) {
  lint_listeners(service, findings);
  lint_interception(service, findings);
  lint_tls(service, findings);
  lint_authorization(service, findings);
  lint_upstreams(service, findings);
  lint_routes(service, findings);
}

}  // namespace

std::expected<Loaded, Problems> load_text(std::string_view text, const std::string& name,
                                          const Environment& environment) {
  Loaded loaded;
  loaded.source = text;
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  Collector problems{name, text};
  std::optional<Node> root = parse(text, problems);
  if (!root) return std::unexpected(problems.take_errors());
  fill_from_environment(*root, environment, problems);
  read(*root, describe(loaded.service), problems);
  complete_values(loaded.service);
  Findings findings{*root, problems};
  complete_tls(loaded.service, findings);
  if (root->is_map()) lint(loaded.service, findings);
  if (problems.errors() > 0) return std::unexpected(problems.take_errors());
  complete_routes(loaded.service);
  loaded.warnings = problems.take_warnings();
  Findings absent{*root, problems};
  find_absent_files(loaded.service, absent);
  loaded.absent_files = problems.take_warnings();
  return loaded;
}

std::expected<Loaded, Problems> load_file(const std::string& path, const Environment& environment) {
  const auto unreadable = [&](std::string_view why) {
    Problem problem;
    problem.file = path;
    problem.message = fmt::format("the file cannot be read: {}", why);
    return std::unexpected(Problems{std::move(problem)});
  };
  errno = 0;
  std::ifstream stream{path, std::ios::binary};
  if (!stream) return unreadable(std::strerror(errno));
  // One byte more than allowed tells parse() that there is too much.
  std::string text(most_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return unreadable(errno != 0 ? std::strerror(errno) : "input or output error");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return load_text(text, path, environment);
}

}  // namespace weir::config
