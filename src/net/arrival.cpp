#include "weir/net/arrival.h"

#include "net/socket.h"
#include "net/tcp_transport.h"

namespace weir::net {
namespace {

// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of the kernel's headers, which clash with the C
// library's.
constexpr int original_destination_option = 80;

}  // namespace

Arrival::Arrival(Loop& loop, Descriptor socket, const Address& peer)
    : loop_(&loop), socket_(std::move(socket)), peer_(peer) {}

const Address& Arrival::local() const {
  if (!local_) local_ = name_of(socket_.number(), Side::local);
  return *local_;
}

std::optional<Address> Arrival::original_destination() const {
  SocketAddress name;
  const bool v4 = local().family() == Address::Family::v4;
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (::getsockopt(socket_.number(), level, original_destination_option, name.get(),
                   &name.length) != 0) {
    return std::nullopt;
  }
  const Address destination = name.address();
  // A connection that no rule has touched shows the address that it came to.
  if (destination == local()) return std::nullopt;
  return destination;
}

std::unique_ptr<Transport> Arrival::plain() && {
  return TcpTransport::make(*loop_, std::move(socket_), peer_, Watched::no);
}

}  // namespace weir::net
