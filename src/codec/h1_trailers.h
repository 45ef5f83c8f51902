// Which fields may stand in a trailer section (RFC 9110, 6.5.1).
#pragma once

#include <cstdint>

#include "weir/http/fields.h"

namespace weir::codec {

enum class TrailerRule : std::uint8_t {
  keep,
  drop,   // means something only in a head
  refuse  // would change framing, routing or the connection if somebody merged it into the head
};

TrailerRule trailer_rule(const http::Field& field);

}  // namespace weir::codec
