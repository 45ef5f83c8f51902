#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/options.h"
#include "weir/cli/commands.h"
#include "weir/server/process.h"

namespace weir::cli {
namespace {

int exit_code_for(server::StartError::Kind kind) {
  switch (kind) {
    case server::StartError::Kind::configuration: return exit_code::data;
    case server::StartError::Kind::secrets: return exit_code::configuration;
    case server::StartError::Kind::address: return exit_code::unavailable;
    case server::StartError::Kind::permission: return exit_code::no_permission;
  }
  return exit_code::software;
}

}  // namespace

int run(const RunOptions& options, Instant started) {
  log::set_level(options.log_level);
  if (::access(options.config.c_str(), R_OK) != 0) {
    fmt::print(stderr, "weir: {}: {}\n", options.config, std::strerror(errno));
    return exit_code::no_input;
  }
  server::Process process{options.config, started};
  if (const auto begun = process.start(); !begun) {
    fmt::print(stderr, "{}{}", begun.error().text, begun.error().text.ends_with('\n') ? "" : "\n");
    return exit_code_for(begun.error().kind);
  }
  process.run();
  return exit_code::ok;
}

}  // namespace weir::cli
