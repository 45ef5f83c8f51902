#include "weir/codec/h2_error.h"

#include <array>

namespace weir::codec {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 14> errors{
    "no_error",
    "protocol_error",
    "internal_error",
    "flow_control_error",
    "settings_timeout",
    "stream_closed",
    "frame_size_error",
    "refused_stream",
    "cancel",
    "compression_error",
    "connect_error",
    "enhance_your_calm",
    "inadequate_security",
    "http_1_1_required",
};
static_assert(errors.size() == static_cast<std::size_t>(H2Error::http_1_1_required) + 1);

constexpr std::array<std::string_view, h2_flood_count> floods{
    "resets",     "provoked_resets", "continuations",  "header_bytes",   "settings",     "pings",
    "priorities", "empty_frames",    "window_updates", "unknown_frames", "window_stall",
};

}  // namespace

std::string_view name_of(H2Error error) {
  const auto index = static_cast<std::size_t>(error);
  return index < errors.size() ? errors[index] : "unknown";
}

std::string_view name_of(H2Flood flood) { return floods[static_cast<std::size_t>(flood)]; }

}  // namespace weir::codec
