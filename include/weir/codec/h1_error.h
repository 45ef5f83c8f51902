// Why bytes were refused as HTTP/1.1, and the limits that a message must keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::codec {

enum class H1Error : std::uint8_t {
  // The request line and the status line.
  bad_method,
  method_too_long,
  bad_target,
  target_too_long,
  bad_version,
  unsupported_version,
  bad_status,
  // Lines and fields.
  bare_cr,
  bare_lf,
  folded_line,
  bad_field_name,
  space_before_colon,
  bad_field_value,
  field_name_too_long,
  head_too_large,
  too_many_fields,
  // What the fields say.
  missing_host,
  several_hosts,
  bad_host,
  host_differs_from_target,
  bad_content_length,
  several_content_lengths,
  several_transfer_encodings,
  unknown_transfer_coding,
  length_with_coding,
  coding_in_http_1_0,
  body_not_allowed,
  bad_connection_option,
  unknown_expectation,
  // The body.
  bad_chunk_size,
  bad_chunk_extension,
  too_much_chunk_extension,
  bad_chunk_end,
  forbidden_trailer,
  trailers_too_large,
  cut_off,
};
inline constexpr std::size_t h1_error_count = static_cast<std::size_t>(H1Error::cut_off) + 1;

// A short English clause for logs and for the detail of a local reply; never quotes the message.
std::string_view describe(H1Error error);
// The same as one word in snake_case, for metric labels.
std::string_view name_of(H1Error error);
// The status with which a request is refused. A refused response is always the upstream's fault.
std::uint16_t status_of(H1Error error);

struct H1Limits {
  std::size_t head_bytes = 32UL * 1024;   // start line and fields; also the trailers of a body
  std::size_t field_count = 100;          // per head, and per trailer section
  std::size_t target_bytes = 8UL * 1024;  // the request target as it came
};

}  // namespace weir::codec
