#include "environment.h"

#include <fmt/format.h>

#include <cstdlib>
#include <expected>

namespace weir::config {
namespace {

constexpr std::size_t longest_value = 64 * 1024;

bool is_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  return text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
             "0123456789_") == std::string_view::npos;
}

// The value of `inside`, which stood between the braces.
std::expected<std::string, Complaint> value_of(std::string_view inside,
                                               const Environment& environment) {
  const auto mark = inside.find(":-");
  const std::string name{inside.substr(0, mark)};
  if (!is_name(name)) {
    return std::unexpected(
        Complaint{fmt::format("\"${{{}}}\" names no environment variable", inside), ""});
  }
  std::optional<std::string> value = environment(name);
  if (mark != std::string_view::npos) {
    return value && !value->empty() ? *value : std::string{inside.substr(mark + 2)};
  }
  if (value) return *value;
  return std::unexpected(Complaint{fmt::format("the environment variable {} is not set", name),
                                   fmt::format("${{{}:-default}}", name)});
}

std::expected<std::string, Complaint> filled(std::string_view text,
                                             const Environment& environment) {
  std::string result;
  for (auto start = text.find("${"); start != std::string_view::npos; start = text.find("${")) {
    if (start > 0 && text[start - 1] == '$') {
      result.append(text.substr(0, start)).append("{");
      text.remove_prefix(start + 2);
      continue;
    }
    const auto end = text.find('}', start);
    if (end == std::string_view::npos) {
      return std::unexpected(Complaint{"\"${\" is not closed by \"}\"", ""});
    }
    auto value = value_of(text.substr(start + 2, end - start - 2), environment);
    if (!value) return value;
    result.append(text.substr(0, start)).append(*value);
    if (result.size() > longest_value) {
      return std::unexpected(Complaint{"the environment gives more than 64 KiB", ""});
    }
    text.remove_prefix(end + 1);
  }
  return result.append(text);
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    // Read at start-up and reload, when nobody writes the environment.
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

void fill_from_environment(Node& node, const Environment& environment, Collector& problems) {
  for (Node& item : node.items) fill_from_environment(item, environment, problems);
  if (node.kind != Node::Kind::scalar || node.text.find("${") == std::string::npos) return;
  auto value = filled(node.text, environment);
  if (value) {
    node.text = std::move(*value);
    node.quoted = false;  // the quotes were there for the braces
    return;
  }
  problems.error(node.at, node.text, std::move(value.error()));
  node.flawed = true;
}

}  // namespace weir::config
