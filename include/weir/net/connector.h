// Connects over TCP and secures with TLS: the production Connector (net/transport.h).
#pragma once

#include <memory>

#include "weir/net/loop.h"
#include "weir/net/transport.h"

namespace weir::net {

class TcpConnector final : public Connector {
 public:
  explicit TcpConnector(Loop& loop) : loop_(loop) {}

  std::unique_ptr<Connecting> connect(const Target& to, ConnectEvents& events) override;

 private:
  Loop& loop_;
};

}  // namespace weir::net
