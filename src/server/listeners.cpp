#include "server/listeners.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "weir/base/log.h"

namespace weir::server {
namespace {

using telemetry::Direction;
using Mode = policy::Interception::Mode;
using Presence = ListenerNeed::Presence;
using Reach = net::ListeningSocket::Reach;

void add(std::vector<ListenerNeed>& needs, Direction direction, const policy::Listener& listener) {
  const Mode mode = listener.intercept.mode;
  const Reach reach = mode == Mode::tproxy ? Reach::any_address : Reach::own_addresses;
  needs.push_back({.doorway = {direction}, .address = listener.listen, .reach = reach});
  if (mode == Mode::off || listener.listen.port() == 0) return;
  if (const auto twin = policy::twin_of(listener.listen)) {
    needs.push_back(
        {.doorway = {direction}, .address = *twin, .reach = reach, .presence = Presence::optional});
  }
}

bool lacks_family(const net::ListenError& error) {
  return error.error_number == EAFNOSUPPORT || error.error_number == EADDRNOTAVAIL;
}

}  // namespace

std::vector<ListenerNeed> missing_in(const std::vector<ListenerNeed>& needs,
                                     const std::vector<ListenerNeed>& others) {
  std::vector<ListenerNeed> missing;
  std::ranges::copy_if(needs, std::back_inserter(missing), [&](const ListenerNeed& need) {
    return std::ranges::none_of(others, [&](const auto& other) { return need.same_place(other); });
  });
  return missing;
}

std::vector<ListenerNeed> wider_in(const std::vector<ListenerNeed>& needs,
                                   const std::vector<ListenerNeed>& before) {
  std::vector<ListenerNeed> wider;
  std::ranges::copy_if(needs, std::back_inserter(wider), [&](const ListenerNeed& need) {
    return need.reach == Reach::any_address && std::ranges::any_of(before, [&](const auto& had) {
             return need.same_place(had) && had.reach == Reach::own_addresses;
           });
  });
  return wider;
}

std::vector<ListenerNeed> listener_needs(const policy::Service& service) {
  std::vector<ListenerNeed> needs;
  if (service.inbound) add(needs, Direction::inbound, *service.inbound);
  if (service.outbound) {
    add(needs, Direction::outbound, *service.outbound);
    for (const policy::TcpListener& tcp : service.outbound->tcp) {
      needs.push_back({.doorway = {Direction::outbound, tcp.listen}, .address = tcp.listen});
    }
  }
  return needs;
}

std::expected<std::vector<net::ListeningSocket>, net::ListenError> open_sockets(
    const ListenerNeed& need, std::size_t count) {
  Address address = need.address;
  std::vector<net::ListeningSocket> sockets;
  auto free = net::address_is_free(address);
  if (!free && need.presence == Presence::optional && lacks_family(free.error())) {
    log::info("not listening on a twin address", {{"address", address.text()}});
    return sockets;
  }
  if (!free) return std::unexpected(std::move(free.error()));
  while (sockets.size() < count) {
    auto socket = net::ListeningSocket::open(address, need.reach);
    if (!socket) return std::unexpected(std::move(socket.error()));
    address = socket->address();  // port 0 has become a port, the same one for all
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

}  // namespace weir::server
