// The error codes of HTTP/2, and the floods that a peer may try.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::codec {

// RFC 9113, section 7; the values are those of the wire.
enum class H2Error : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  settings_timeout = 0x4,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  connect_error = 0xa,
  enhance_your_calm = 0xb,
  inadequate_security = 0xc,
  http_1_1_required = 0xd,
};
// `cancel`, `refused_stream` ...; `unknown` for codes beyond the RFC's.
std::string_view name_of(H2Error error);

// What costs us and gives the peer nothing, by kind. Each ends the connection with
// ENHANCE_YOUR_CALM once the peer's allowance is used up (h2_allowance.h).
enum class H2Flood : std::uint8_t {
  resets,           // streams opened and reset at once: rapid reset, CVE-2023-44487
  provoked_resets,  // frames that oblige us to reset: MadeYouReset, CVE-2025-8671
  continuations,    // CONTINUATION without end, CVE-2024-27316
  header_bytes,     // a small header block that decodes into a large one: HPACK bomb
  settings,
  pings,
  priorities,
  empty_frames,    // DATA or HEADERS without content and without an end
  window_updates,  // more of them than DATA can explain, or windows opened by a trickle
  unknown_frames,
  window_stall,  // finished responses that the peer leaves no window for
};
inline constexpr std::size_t h2_flood_count = static_cast<std::size_t>(H2Flood::window_stall) + 1;
// One word in snake_case, for metric labels.
std::string_view name_of(H2Flood flood);

}  // namespace weir::codec
