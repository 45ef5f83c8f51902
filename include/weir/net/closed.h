// Why a connection ended: for counting, on either side of the proxy.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::net {

enum class Closed : std::uint8_t {
  peer,     // the other side closed it in order
  idle,     // our idle limit
  timeout,  // a read or write limit of ours
  limit,    // its number of requests is used up, or the pool had no room
  error,    // reset, or it broke the protocol, or its exchange was cancelled
  drain,    // shutdown, or its listener or endpoint is gone
  overload  // refused by the limit of connections
};
inline constexpr std::size_t closed_count = static_cast<std::size_t>(Closed::overload) + 1;
std::string_view name_of(Closed reason);

}  // namespace weir::net
