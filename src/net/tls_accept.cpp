// Server-side handshakes.
#include "net/tls_transport.h"
#include "weir/net/arrival.h"

namespace weir::net {
namespace {

class TlsAccepting final : public Connecting,
                           public Recycled,
                           private HandshakeEvents,
                           private Wakeable {
 public:
  TlsAccepting(Arrival arrival, std::shared_ptr<const TlsServer> server, TlsAcceptEvents& events)
      : events_(events) {
    Loop& loop = arrival.loop();
    const Address peer = arrival.peer();
    auto transport = std::make_unique<TlsTransport>(loop, std::move(arrival).release(), peer);
    if (transport->accept(std::move(server), *this, Watched::no)) {
      transport_ = std::move(transport);
    } else {
      loop.scheduler().schedule(*this);
    }
  }

 private:
  void on_handshake(TlsError error) override {
    if (error != TlsError::none) transport_.reset();
    events_.on_secured(std::move(transport_), error);
  }
  void wake() override { events_.on_secured(nullptr, TlsError::protocol); }

  TlsAcceptEvents& events_;
  std::unique_ptr<TlsTransport> transport_;
};

}  // namespace

std::unique_ptr<Connecting> accept_tls(Arrival arrival, std::shared_ptr<const TlsServer> server,
                                       TlsAcceptEvents& events) {
  return std::make_unique<TlsAccepting>(std::move(arrival), std::move(server), events);
}

}  // namespace weir::net
