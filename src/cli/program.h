// Runs another program to its end, with a text as its input.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

struct Ended {
  int status = 0;  // its exit code; 128 and the signal's number when a signal ended it
  std::string output;
  std::string errors;
};

// The path of a program, from PATH and then from where programs for root stand; empty when it is
// not installed.
std::string find_program(std::string_view name);

// Blocks. `arguments` begins with the program's path. An error is a sentence.
std::expected<Ended, std::string> run_program(const std::vector<std::string>& arguments,
                                              std::string_view input = {});

}  // namespace weir::cli
