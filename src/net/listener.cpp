#include "weir/net/listener.h"

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/socket.h"
#include "weir/base/log.h"

namespace weir::net {
namespace {

std::string cure(int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return ": another process listens there (see `ss -ltnp`); stop it or choose another port";
    case EADDRNOTAVAIL:
      return ": no interface of this machine has that address; listen on 0.0.0.0 or [::] for all";
    case EACCES:
      return ": ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose a higher one";
    case EAFNOSUPPORT: return ": IPv6 is switched off here; use an IPv4 address";
    case EMFILE: return ": too many open files; raise the limit (`ulimit -n`)";
    default: return "";
  }
}

std::unexpected<ListenError> listen_error(const Address& address, int error_number) {
  return std::unexpected(
      ListenError{.error_number = error_number,
                  .text = fmt::format("cannot listen on {}: {}{}", address.text(),
                                      std::strerror(error_number), cure(error_number))});
}

std::unexpected<ListenError> transparency_error(const Address& address, int error_number) {
  return std::unexpected(ListenError{
      .error_number = error_number,
      .text = fmt::format("cannot take connections by TPROXY on {}: {}; it needs the capability "
                          "CAP_NET_ADMIN, `intercept: redirect` does not",
                          address.text(), std::strerror(error_number))});
}

enum class Sharing : std::uint8_t { alone, with_other_workers };

// errno in place of the socket when it cannot be had.
std::expected<Descriptor, int> bound_socket(const Address& address, Sharing sharing) {
  Descriptor socket{open_stream_socket(address.family())};
  if (!socket.open()) return std::unexpected(errno);
  set_option(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (sharing == Sharing::with_other_workers) {
    set_option(socket.number(), SOL_SOCKET, SO_REUSEPORT, 1);
  }
  if (address.family() == Address::Family::v6) {
    set_option(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  }
  // Accepted sockets inherit both.
  set_option(socket.number(), IPPROTO_TCP, TCP_NODELAY, 1);
  keep_urgent_in_line(socket.number());
  const SocketAddress name{address};
  if (::bind(socket.number(), name.get(), name.length) != 0) return std::unexpected(errno);
  return socket;
}

}  // namespace

std::expected<void, ListenError> address_is_free(const Address& address) {
  const auto socket = bound_socket(address, Sharing::alone);
  if (!socket) return listen_error(address, socket.error());
  return {};
}

std::expected<void, ListenError> may_reach_any_address(const Address& address) {
  const Descriptor socket{open_stream_socket(address.family())};
  if (!socket.open()) return listen_error(address, errno);
  const int refused = make_transparent(socket.number(), address.family());
  if (refused != 0) return transparency_error(address, refused);
  return {};
}

std::expected<ListeningSocket, ListenError> ListeningSocket::open(const Address& address,
                                                                  Reach reach) {
  auto socket = bound_socket(address, Sharing::with_other_workers);
  if (!socket) return listen_error(address, socket.error());
  if (reach == Reach::any_address) {
    const int refused = make_transparent(socket->number(), address.family());
    if (refused != 0) return transparency_error(address, refused);
  }
  if (::listen(socket->number(), backlog) != 0) return listen_error(address, errno);
  return ListeningSocket{std::move(*socket)};
}

ListeningSocket::ListeningSocket(Descriptor socket)
    : socket_(std::move(socket)), address_(name_of(socket_.number(), Side::local)) {}

Listener::Listener(Loop& loop, ListeningSocket socket, AcceptEvents& events)
    : loop_(loop),
      socket_(std::move(socket.socket_)),
      events_(events),
      address_(socket.address_),
      resume_(*this) {
  if (!loop_.watch(socket_.number(), Interest::level_read, *this)) {
    log::error("cannot watch a listener",
               {{"listener", address_.text()}, {"reason", std::strerror(errno)}});
  }
}

Listener::~Listener() { loop_.forget(*this); }

void Listener::on_ready(Readiness /*readiness*/) {
  Taken taken = Taken::one;
  for (int i = 0; i < accepts_per_turn && taken == Taken::one; ++i) taken = take();
  // The queue stays readable; watching on would spin until something is given back.
  if (taken == Taken::failed && socket_.open()) {
    loop_.rewatch(socket_.number(), Interest::nothing, *this);
    loop_.scheduler().arm_in(resume_, rest);
  }
}

void Listener::wake() {
  if (socket_.open()) loop_.rewatch(socket_.number(), Interest::level_read, *this);
}

Listener::Taken Listener::take() {
  SocketAddress peer;
  Descriptor socket{
      ::accept4(socket_.number(), peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (!socket.open()) {
    const int error_number = errno;
    if (error_number == EAGAIN || error_number == EBADF) return Taken::none;
    const bool exhausted = connect_error(error_number) == ConnectError::exhausted;
    if (!exhausted) return Taken::one;  // this connection died in the queue; the next may live
    if (!std::exchange(resting_, true)) {
      log::warn("cannot accept connections for now",
                {{"listener", address_.text()}, {"reason", std::strerror(error_number)}});
    }
    return Taken::failed;
  }
  spare_congestion_control(socket.number(), peer.address());
  events_.on_accept(Arrival{loop_, std::move(socket), peer.address()});
  return Taken::one;
}

void Listener::reach_any_address() {
  const int refused = make_transparent(socket_.number(), address_.family());
  if (refused == 0) return;
  log::error("a listener takes no connections by TPROXY",
             {{"listener", address_.text()}, {"reason", std::strerror(refused)}});
}

void Listener::close() {
  // A backlog's worth at most: under a flood the queue would never be seen empty.
  for (int i = 0; i < ListeningSocket::backlog && take() == Taken::one; ++i) {
  }
  resume_.disarm();
  loop_.forget(*this);
  socket_.close();
}

}  // namespace weir::net
