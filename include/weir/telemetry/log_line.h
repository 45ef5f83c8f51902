// One access-log line of an exchange, as JSON or text. docs/access-log.md names every field.
//
// Everything that came over the wire is hostile: it is cut to a limit and escaped so that it can
// end neither its field nor its line, nor reach a terminal as a control sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "weir/policy/service.h"
#include "weir/telemetry/record.h"

namespace weir::telemetry {

// Raw bytes that are kept of each value; what is cut ends in "...".
struct LineLimits {
  static constexpr std::size_t target = 4096;
  static constexpr std::size_t user_agent = 512;
  static constexpr std::size_t authority = 256;
  static constexpr std::size_t name = 128;  // method, request id, route, upstream, versions
};

// Formats without allocating; not thread-safe (it remembers the current second's text).
class LineFormatter {
 public:
  // Every line fits: an escaped byte takes at most 6.
  static constexpr std::size_t capacity = 48 * 1024;

  // Writes the line and its '\n' to the front of `space`; returns how many bytes.
  std::size_t format(const Record& record, policy::LogFormat format,
                     std::span<char, capacity> space);

 private:
  std::int64_t second_ = -1;
  char second_text_[20]{};  // "2026-11-21T02:30:00."
};

}  // namespace weir::telemetry
