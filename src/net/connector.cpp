#include "weir/net/connector.h"

#include <netinet/tcp.h>

#include <cerrno>

#include "net/socket.h"
#include "net/tcp_transport.h"
#include "weir/base/recycle.h"

namespace weir::net {
namespace {

class TcpConnecting final : public Connecting, public Recycled, private Watcher, private Wakeable {
 public:
  TcpConnecting(Loop& loop, const Address& to, ConnectEvents& events)
      : loop_(loop), to_(to), events_(events) {}
  ~TcpConnecting() override { loop_.forget(*this); }

  void start() {
    error_number_ = begin();
    if (error_number_ == EINPROGRESS) return;
    loop_.scheduler().schedule(*this);
  }

 private:
  // 0 when it is connected already.
  int begin() {
    socket_ = Descriptor{open_stream_socket(to_.family())};
    if (!socket_.open()) return errno;
    set_option(socket_.number(), IPPROTO_TCP, TCP_NODELAY, 1);
    spare_congestion_control(socket_.number(), to_);
    const SocketAddress name{to_};
    const int result = ::connect(socket_.number(), name.get(), name.length) == 0 ? 0 : errno;
    if (result != 0 && result != EINPROGRESS) return result;
    return loop_.watch(socket_.number(), Interest::read_write, *this) ? result : errno;
  }

  void on_ready(Readiness readiness) override {
    if (!readiness.writable) return;
    socklen_t length = sizeof error_number_;
    ::getsockopt(socket_.number(), SOL_SOCKET, SO_ERROR, &error_number_, &length);
    conclude();
  }

  void wake() override { conclude(); }

  // The last thing done: whoever hears of it destroys us.
  void conclude() {
    loop_.forget(*this);
    if (error_number_ != 0) {
      socket_.close();
      events_.on_connect(nullptr, connect_error(error_number_));
      return;
    }
    auto transport = TcpTransport::make(loop_, std::move(socket_), to_, TcpTransport::Watched::yes);
    events_.on_connect(std::move(transport), ConnectError::none);
  }

  Loop& loop_;
  Address to_;
  ConnectEvents& events_;
  Descriptor socket_;
  int error_number_ = 0;
};

}  // namespace

std::unique_ptr<Connecting> TcpConnector::connect(const Target& to, ConnectEvents& events) {
  auto connecting = std::make_unique<TcpConnecting>(loop_, to.address, events);
  connecting->start();
  return connecting;
}

}  // namespace weir::net
