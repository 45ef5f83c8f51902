#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/options.h"
#include "weir/cli/commands.h"
#include "weir/config/effective.h"
#include "weir/config/load.h"

namespace weir::cli {
namespace {

void print(const config::Problems& problems) {
  for (const auto& problem : problems) fmt::print(stderr, "{}", config::format(problem));
}

int check_file(const std::string& file, CheckOutput output) {
  const auto loaded = config::load_file(file);
  if (!loaded) {
    print(loaded.error());
    return ::access(file.c_str(), R_OK) == 0 ? exit_code::data : exit_code::no_input;
  }
  print(loaded->warnings);
  print(loaded->absent_files);
  if (output == CheckOutput::effective) {
    fmt::print("{}", config::effective_yaml(loaded->service));
  } else {
    fmt::print("{}: ok\n", file);
  }
  return exit_code::ok;
}

}  // namespace

// A wrong file outweighs one that cannot be read.
int check(const std::vector<std::string>& files, CheckOutput output) {
  bool wrong = false;
  bool unreadable = false;
  for (const std::string& file : files) {
    const int code = check_file(file, output);
    wrong = wrong || code == exit_code::data;
    unreadable = unreadable || code == exit_code::no_input;
  }
  if (wrong) return exit_code::data;
  return unreadable ? exit_code::no_input : exit_code::ok;
}

}  // namespace weir::cli
