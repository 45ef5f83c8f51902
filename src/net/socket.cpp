#include "net/socket.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "weir/policy/interception.h"

namespace weir::net {

SocketAddress::SocketAddress(const Address& address, std::uint16_t port) {
  const auto& host = address.host_bytes();
  if (address.family() == Address::Family::v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, host.data(), sizeof v4.sin_addr);
    std::memcpy(&storage, &v4, sizeof v4);
    length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, host.data(), sizeof v6.sin6_addr);
    std::memcpy(&storage, &v6, sizeof v6);
    length = sizeof v6;
  }
}

Address SocketAddress::address() const {
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    std::array<std::uint8_t, 16> host{};
    std::memcpy(host.data(), &v6.sin6_addr, host.size());
    return Address::v6(host, ntohs(v6.sin6_port));
  }
  if (storage.ss_family != AF_INET) return {};
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof v4);
  std::array<std::uint8_t, 4> host{};
  std::memcpy(host.data(), &v4.sin_addr, host.size());
  return Address::v4(host, ntohs(v4.sin_port));
}

Address name_of(int socket, Side side) {
  SocketAddress name;
  const int result = side == Side::local ? ::getsockname(socket, name.get(), &name.length)
                                         : ::getpeername(socket, name.get(), &name.length);
  return result == 0 ? name.address() : Address{};
}

int open_stream_socket(Address::Family family) {
  return ::socket(family == Address::Family::v4 ? AF_INET : AF_INET6,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

void set_option(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

int make_transparent(int socket, Address::Family family) {
  const bool v4 = family == Address::Family::v4;
  const int on = 1;
  const int result = ::setsockopt(socket, v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                  v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on, sizeof on);
  return result == 0 ? 0 : errno;
}

int stand_for_others(int socket, Address::Family family) {
  // The same port may serve towards every peer.
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  if (const int refused = make_transparent(socket, family); refused != 0) return refused;
  const int mark = static_cast<int>(policy::tproxy_mark);
  return ::setsockopt(socket, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0 ? 0 : errno;
}

void spare_congestion_control(int socket, const Address& peer) {
  constexpr std::string_view plainest = "reno";  // built into every kernel
  if (!peer.loopback()) return;
  ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, plainest.data(), plainest.size());
}

void keep_urgent_in_line(int socket) { set_option(socket, SOL_SOCKET, SO_OOBINLINE, 1); }

IoError io_error(int error_number) {
  switch (error_number) {
    case 0: return IoError::none;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN: return IoError::reset;
    case ETIMEDOUT: return IoError::timeout;
    default: return IoError::other;
  }
}

ConnectError connect_error(int error_number) {
  switch (error_number) {
    case 0: return ConnectError::none;
    case ECONNREFUSED:
    case ECONNRESET: return ConnectError::refused;
    case ETIMEDOUT: return ConnectError::timeout;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
    case EAGAIN:
    case EADDRNOTAVAIL: return ConnectError::exhausted;
    default: return ConnectError::unreachable;
  }
}

}  // namespace weir::net
