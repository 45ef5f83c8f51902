#include "weir/net/connector.h"

#include <netinet/tcp.h>

#include <cerrno>

#include "net/socket.h"
#include "net/tcp_transport.h"
#include "net/tls_transport.h"
#include "weir/base/recycle.h"

namespace weir::net {
namespace {

ConnectError failure_of(TlsError error) {
  switch (error) {
    case TlsError::none: return ConnectError::none;
    case TlsError::untrusted: return ConnectError::tls_untrusted;
    case TlsError::expired: return ConnectError::tls_expired;
    case TlsError::wrong_name: return ConnectError::tls_wrong_name;
    case TlsError::timeout: return ConnectError::timeout;
    case TlsError::alert: return ConnectError::tls_alert;
    case TlsError::protocol:
    case TlsError::version:
    case TlsError::no_certificate: return ConnectError::tls;
  }
  return ConnectError::tls;
}

class TcpConnecting final : public Connecting,
                            public Recycled,
                            private Watcher,
                            private Wakeable,
                            private HandshakeEvents {
 public:
  TcpConnecting(Loop& loop, Random& random, const Target& to, ConnectEvents& events)
      : loop_(loop),
        random_(random),
        to_(to.address),
        source_(to.source),
        tls_(to.tls),
        alpn_(to.alpn),
        events_(events) {}
  ~TcpConnecting() override { loop_.forget(*this); }

  bool reached() const override { return securing_ != nullptr; }

  void start() {
    error_number_ = begin();
    if (error_number_ == EINPROGRESS) return;
    loop_.scheduler().schedule(*this);
  }

 private:
  // 0 when it is connected already.
  int begin() {
    const int result = source_ && !source_->loopback() ? dial_for(*source_) : dial();
    if (result != 0 && result != EINPROGRESS) return result;
    return loop_.watch(socket_.number(), Interest::read_write, *this) ? result : errno;
  }

  int dial() {
    if (const int refused = open(); refused != 0) return refused;
    if (source_) {
      // The port is chosen when connecting, where it need only differ from those to the same peer.
      set_option(socket_.number(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
      const SocketAddress name{*source_};
      const bool bound = ::bind(socket_.number(), name.get(), name.length) == 0;
      if (!bound && errno != EADDRNOTAVAIL) return errno;
    }
    return connect();
  }

  // The kernel knows which ports we have taken, and not which ones the owner of the address has. A
  // port of his would give two connections the same four numbers: his to us, and ours to the
  // application. He takes ports from 32768 on (Linux) or from 49152 on (RFC 6335, 6).
  int dial_for(const Address& owner) {
    int refused = 0;
    for (int i = 0; i < ports_tried; ++i) {
      if (refused = open(); refused != 0) return refused;
      if (refused = stand_for_others(socket_.number(), owner.family()); refused != 0) {
        return refused;
      }
      const std::uint64_t port = lowest_port + random_.below(highest_port - lowest_port + 1);
      const SocketAddress name{owner, static_cast<std::uint16_t>(port)};
      const bool bound = ::bind(socket_.number(), name.get(), name.length) == 0;
      refused = bound ? connect() : errno;
      if (refused != EADDRINUSE && refused != EADDRNOTAVAIL) return refused;
    }
    return refused;
  }

  int open() {
    socket_ = Descriptor{open_stream_socket(to_.family())};
    if (!socket_.open()) return errno;
    set_option(socket_.number(), IPPROTO_TCP, TCP_NODELAY, 1);
    keep_urgent_in_line(socket_.number());
    spare_congestion_control(socket_.number(), to_);
    return 0;
  }

  int connect() {
    const SocketAddress name{to_};
    return ::connect(socket_.number(), name.get(), name.length) == 0 ? 0 : errno;
  }

  void on_ready(Readiness readiness) override {
    if (!readiness.writable) return;
    socklen_t length = sizeof error_number_;
    ::getsockopt(socket_.number(), SOL_SOCKET, SO_ERROR, &error_number_, &length);
    conclude();
  }

  void wake() override { conclude(); }

  void secure() {
    securing_ = std::make_unique<TlsTransport>(loop_, std::move(socket_), to_);
    if (securing_->connect(std::move(tls_), alpn_, *this, Watched::yes)) return;
    securing_.reset();
    events_.on_connect(nullptr, ConnectError::exhausted);
  }

  void on_handshake(TlsError error) override {
    if (error != TlsError::none) securing_.reset();
    events_.on_connect(std::move(securing_), failure_of(error));
  }

  // The last thing done: whoever hears of it destroys us.
  void conclude() {
    loop_.forget(*this);
    if (error_number_ != 0) {
      socket_.close();
      events_.on_connect(nullptr, connect_error(error_number_));
      return;
    }
    if (tls_) return secure();
    auto transport = TcpTransport::make(loop_, std::move(socket_), to_, Watched::yes);
    events_.on_connect(std::move(transport), ConnectError::none);
  }

  static constexpr std::uint64_t lowest_port = 10000;
  static constexpr std::uint64_t highest_port = 32767;
  static constexpr int ports_tried = 32;

  Loop& loop_;
  Random& random_;
  Address to_;
  std::optional<Address> source_;
  std::shared_ptr<const TlsClient> tls_;
  Alpn alpn_;
  ConnectEvents& events_;
  Descriptor socket_;
  int error_number_ = 0;
  std::unique_ptr<TlsTransport> securing_;
};

}  // namespace

std::unique_ptr<Connecting> TcpConnector::connect(const Target& to, ConnectEvents& events) {
  auto connecting = std::make_unique<TcpConnecting>(loop_, random_, to, events);
  connecting->start();
  return connecting;
}

}  // namespace weir::net
