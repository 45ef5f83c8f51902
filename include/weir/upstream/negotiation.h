// The connection that tells what an endpoint speaks: both versions are offered in the TLS handshake
// (ALPN, RFC 7301), and the endpoint chooses. Whoever comes meanwhile waits for it rather than
// shake hands as well, because one HTTP/2 connection may be enough for all.
//
//   nobody --(first waiter)--> connecting --(connected, failed)--> nobody, and the waiters are told
//   connecting --(last waiter left)-------------------------------> nobody
#pragma once

#include <memory>

#include "weir/base/intrusive.h"
#include "weir/net/transport.h"

namespace weir::upstream {

class Negotiation final : private net::ConnectEvents {
 public:
  class Waiter : public Listed {
   public:
    bool waiting() const { return Listed::is_linked(); }
    // There is a connection now, or none could be made. The waiter has left already.
    virtual void on_negotiated(net::ConnectError error) = 0;

   protected:
    ~Waiter() = default;
  };
  // Who takes the connection; null on error. The waiters are told afterwards.
  class Owner {
   public:
    virtual void on_connection(std::unique_ptr<net::Transport> transport,
                               net::ConnectError error) = 0;

   protected:
    ~Owner() = default;
  };

  Negotiation(net::Connector& connector, Owner& owner) : connector_(connector), owner_(owner) {}

  bool going_on() const { return connecting_ != nullptr; }
  // See net::Connecting.
  bool reached() const { return connecting_ && connecting_->reached(); }
  // Begins to connect unless that is going on. Nobody is told from within.
  void join(Waiter& waiter, const net::Target& target);
  // The waiter waits no more. What nobody waits for any more is given up: true when it was.
  bool leave(Waiter& waiter);

 private:
  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;

  net::Connector& connector_;
  Owner& owner_;
  std::unique_ptr<net::Connecting> connecting_;
  List<Waiter> waiters_;
};

}  // namespace weir::upstream
