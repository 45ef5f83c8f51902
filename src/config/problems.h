// Gathers the problems of one file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node.h"
#include "weir/config/load.h"

namespace weir::config {

// What is wrong with a value, and its cure.
struct Complaint {
  std::string message;
  std::string suggestion;
};

class Collector {
 public:
  Collector(std::string file, std::string_view source);

  void error(Position at, std::string_view offending, Complaint complaint);
  void warn(Position at, std::string_view offending, Complaint complaint);

  std::size_t errors() const { return errors_.size(); }
  // Nothing more is kept.
  bool full() const { return errors_.size() >= most_problems; }
  Problems take_errors();
  Problems take_warnings();

 private:
  Problem make(Severity severity, Position at, std::string_view offending, Complaint complaint);

  std::string file_;
  std::vector<std::string_view> lines_;
  Problems errors_;
  Problems warnings_;
};

// The candidate that was probably meant: few edits away, or a word for it from another system.
std::optional<std::string_view> nearest(std::string_view written,
                                        std::span<const std::string_view> candidates);

}  // namespace weir::config
