// The listening sockets that a policy asks for.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "weir/base/address.h"
#include "weir/net/listener.h"
#include "weir/policy/service.h"
#include "weir/proxy/worker.h"

namespace weir::server {

// One address on which every worker listens.
struct ListenerNeed {
  proxy::Doorway doorway;
  Address address;
  net::ListeningSocket::Reach reach = net::ListeningSocket::Reach::own_addresses;
  // A twin (policy::twin_of) is done without where the system lacks its family.
  enum class Presence : std::uint8_t { required, optional };
  Presence presence = Presence::required;

  // A socket that is there already can serve, whatever its reach.
  bool same_place(const ListenerNeed& other) const {
    return doorway == other.doorway && address == other.address;
  }
};

// Those of the first that have no place in the second.
std::vector<ListenerNeed> missing_in(const std::vector<ListenerNeed>& needs,
                                     const std::vector<ListenerNeed>& others);
// Those whose place is in both and whose reach has to become wider. None becomes narrower: rules
// that are still in place would bring connections that nobody takes.
std::vector<ListenerNeed> wider_in(const std::vector<ListenerNeed>& needs,
                                   const std::vector<ListenerNeed>& before);
std::vector<ListenerNeed> listener_needs(const policy::Service& service);

// `count` sockets on one address; none when it may be done without and has to be.
std::expected<std::vector<net::ListeningSocket>, net::ListenError> open_sockets(
    const ListenerNeed& need, std::size_t count);

}  // namespace weir::server
