// What is recorded of a tunnel beside what is recorded of everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/address.h"

namespace weir::telemetry {

// How a tunnel of opaque TCP ended.
enum class TunnelEnd : std::uint8_t {
  closed,          // both sides in order
  caller_reset,    // the caller's connection broke
  upstream_reset,  // the endpoint's did
  idle,            // our idle limit
  age,             // our limit of age
  drain,           // shutdown
  not_established  // no endpoint took it; the record's failure says why
};
inline constexpr std::size_t tunnel_end_count =
    static_cast<std::size_t>(TunnelEnd::not_established) + 1;
std::string_view name_of(TunnelEnd end);

// What a record of a tunnel has in place of a request and a response.
struct TunnelFacts {
  std::optional<Address> destination{};  // where the caller wanted to go, when it was intercepted
  TunnelEnd end = TunnelEnd::closed;
};

}  // namespace weir::telemetry
