// The request line and the status line, and the parts of a request target.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/codec/h1_error.h"
#include "weir/http/message.h"

namespace weir::codec {

enum class LineKind : std::uint8_t { complete, incomplete, refused };

struct RequestLine {
  LineKind kind = LineKind::incomplete;
  H1Error error = H1Error::bad_method;
  std::string_view method;
  std::string_view target;  // only characters that a target may have
  http::Version version = http::Version::http_1_1;
  const char* next = nullptr;  // after the line
};

struct StatusLine {
  LineKind kind = LineKind::incomplete;
  H1Error error = H1Error::bad_status;
  std::uint16_t status = 0;
  std::string_view reason;
  http::Version version = http::Version::http_1_1;
  const char* next = nullptr;
};

// A line that has not ended yet is incomplete, unless its first byte is impossible.
RequestLine parse_request_line(const char* at, const char* end);
StatusLine parse_status_line(const char* at, const char* end);

// Longer than any registered method (IANA: UPDATEREDIRECTREF and BASELINE-CONTROL).
inline constexpr std::size_t longest_method = 32;
// What a request line has beside its method and target: two spaces, "HTTP/1.1", CR LF.
inline constexpr std::size_t request_line_extra = 12;

// Whether `target` is made only of what a target may hold (the same in HTTP/1 and HTTP/2).
bool valid_target(std::string_view target);
// The size of the host at the start of `authority`, which may be in brackets; 0 when malformed.
std::size_t host_size(std::string_view authority);
// host [ ":" port ] with a port of 1 to 65535 without leading zeros.
bool valid_authority(std::string_view authority);
void assign_lower(std::string& into, std::string_view text);

}  // namespace weir::codec
