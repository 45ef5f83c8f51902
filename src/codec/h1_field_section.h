// Field lines, one by one, and the loop over a head's field section.
#pragma once

#include <cstring>
#include <expected>
#include <optional>
#include <span>

#include "h1_chars.h"
#include "weir/codec/h1_framing.h"
#include "weir/http/fields.h"

namespace weir::codec {

struct FieldLine {
  enum class Kind : std::uint8_t {
    field,
    last,        // the empty line that ends the section
    incomplete,  // no line end yet
    refused      // see `error`
  };
  Kind kind = Kind::incomplete;
  H1Error error = H1Error::bad_field_name;
  http::Field field;
  const char* next = nullptr;  // after the line
};

// Reads the line that begins at `at`. A line that has not ended yet is never refused, so that the
// verdict does not depend on how the bytes arrived.
FieldLine parse_field_line(const char* at, const char* end);

// Whether [at, end) holds a line feed.
inline bool has_line_end(const char* at, const char* end) {
  return at != end && std::memchr(at, '\n', static_cast<std::size_t>(end - at)) != nullptr;
}

// True when nothing new can be said about the line that `progress` stands at: it was seen to be
// incomplete, and what came since does not end it either.
inline bool still_incomplete(H1Progress& progress, std::span<const char> range) {
  if (progress.searched <= progress.line) return false;
  const char* const end = range.data() + range.size();
  if (has_line_end(range.data() + progress.searched, end)) return false;
  progress.searched = range.size();
  return true;
}

// Hands the complete lines to `take`, which gives the reason of a refusal or nothing. The size
// of the head once its last line is there, else 0.
template <class Take>
std::expected<std::size_t, H1Error> parse_field_section(std::span<const char> buffered,
                                                        const H1Limits& limits,
                                                        H1Progress& progress, Take take) {
  const auto range = buffered.first(std::min(buffered.size(), limits.head_bytes));
  const char* const end = range.data() + range.size();
  const auto incomplete = [&]() -> std::expected<std::size_t, H1Error> {
    progress.searched = range.size();
    if (range.size() == limits.head_bytes) return std::unexpected{H1Error::head_too_large};
    return 0;
  };
  if (still_incomplete(progress, range)) return incomplete();
  while (true) {
    const FieldLine line = parse_field_line(range.data() + progress.line, end);
    switch (line.kind) {
      case FieldLine::Kind::incomplete: return incomplete();
      case FieldLine::Kind::refused: return std::unexpected{line.error};
      case FieldLine::Kind::last: return static_cast<std::size_t>(line.next - range.data());
      case FieldLine::Kind::field: break;
    }
    if (++progress.fields > limits.field_count) return std::unexpected{H1Error::too_many_fields};
    if (const auto error = take(line.field)) return std::unexpected{*error};
    progress.line = static_cast<std::size_t>(line.next - range.data());
  }
}

}  // namespace weir::codec
