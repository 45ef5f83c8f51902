// One YAML file to one policy::Service, or every mistake in it at once.
//
// Reading is strict: unknown, duplicate and misspelt keys, numbers without a unit, references to
// nothing and contradictions are errors; nothing is repaired silently. A file is one YAML document
// of at most 1 MiB without anchors, aliases and tags. `${NAME}` and `${NAME:-default}` inside a
// value are filled from the environment; what they give is text and never becomes structure.
// `$${` stands for a literal `${`.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/policy/service.h"

namespace weir::config {

enum class Severity : std::uint8_t { error, warning };

struct Problem {
  Severity severity = Severity::error;
  std::string file;
  int line = 1;             // from 1
  int column = 1;           // from 1, in bytes
  std::string offending;    // the text that is wrong, as written; may be empty
  std::string message;      // one sentence without a full stop
  std::string suggestion;   // what to write instead; may be empty
  std::string source_line;  // the line it stands in, for format()
};

struct Loaded {
  policy::Service service;
  std::vector<Problem> warnings;  // in the order of the file
  // Files of certificates that do not exist now; at run time they may. In the order of the file.
  std::vector<Problem> absent_files;
  std::string source;  // the text that was read, for the history
};

// In the order of the file, at least one, at most `most_problems`.
using Problems = std::vector<Problem>;
constexpr std::size_t most_problems = 50;

// Gives the value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

// Never throws for what is in the file or for a file that cannot be read.
std::expected<Loaded, Problems> load_file(const std::string& path,
                                          const Environment& environment = process_environment());
// `name` stands for the file in problems.
std::expected<Loaded, Problems> load_text(std::string_view text, const std::string& name,
                                          const Environment& environment = process_environment());

// As compilers print it, ending in a newline:
//
//     orders.yaml:14:5: error: unknown key "budgett" in routes[0]
//         budgett: 250ms
//         ^~~~~~~
//       did you mean "budget"?
std::string format(const Problem& problem);

}  // namespace weir::config
