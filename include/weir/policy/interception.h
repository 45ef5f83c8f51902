// Connections that were not meant for us, and bytes that are none of our business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/address.h"
#include "weir/base/time.h"

namespace weir::policy {

// How a listener comes by its connections, and what it does with those that no policy knows.
struct Interception {
  // off: callers address the listener itself. redirect: a REDIRECT rule of iptables or nftables
  // sent them. tproxy: a TPROXY rule did, and the caller's address is kept on the way to the
  // application (inbound only; needs CAP_NET_ADMIN).
  enum class Mode : std::uint8_t { off, redirect, tproxy };
  // What becomes of connections and requests whose destination no route and no upstream knows, or
  // that is another port than the application's. Config says `refuse` in place of the default where
  // callers have to use TLS.
  enum class Unmatched : std::uint8_t { pass_through, refuse };

  Mode mode = Mode::off;
  Unmatched unmatched = Unmatched::pass_through;
  // Destination ports whose protocols let the server speak first, or that are not to be looked at.
  std::vector<std::uint16_t> opaque_ports{25, 110, 143, 587, 3306, 4444, 5432, 6379, 9300, 11211};
  // Who has said nothing for so long is taken for such a protocol as well.
  Duration detection = std::chrono::milliseconds{100};
};

// What the rules of `weir iptables` and the proxy rely on from each other.
//
// Under tproxy our connections to the application come from the caller's address. They carry this
// mark (SO_MARK), by which the application's answers find the way back to us.
inline constexpr std::uint32_t tproxy_mark = 2102;
// Otherwise our connections to an application that listens on another address than 127.0.0.1 or ::1
// are bound to 127.0.0.6 or ::1, or else they would be taken for calls of the application to
// itself. IPv6 has one loopback address; who is not bound to it calls no other address from it.
Address home_source(Address::Family family);

// Where the rules of the other family lead to: 127.0.0.1 and ::1 are twins, so are 0.0.0.0 and ::,
// with the same port. An intercepting listener accepts on both, as far as the system has both.
// None for any other address.
std::optional<Address> twin_of(const Address& listen);

// Opaque TCP.
struct Tunnel {
  Duration connect_budget = std::chrono::seconds{2};  // all attempts together
  Duration idle = std::chrono::hours{1};              // nothing in either direction
  std::optional<Duration> maximum_age;
};

// A local port that leads to one upstream, whatever is spoken.
struct TcpListener {
  Address listen;
  std::string to;  // an upstream's name
};

}  // namespace weir::policy
