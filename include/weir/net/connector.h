// Connects over TCP and secures with TLS: the production Connector (net/transport.h).
#pragma once

#include <memory>

#include "weir/base/random.h"
#include "weir/net/loop.h"
#include "weir/net/transport.h"

namespace weir::net {

class TcpConnector final : public Connector {
 public:
  explicit TcpConnector(Loop& loop) : loop_(loop), random_(entropy()) {}

  std::unique_ptr<Connecting> connect(const Target& to, ConnectEvents& events) override;

 private:
  Loop& loop_;
  Random random_;  // chooses ports of addresses that are not ours
};

}  // namespace weir::net
