// Listens for peers who speak TLS.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <optional>
#include <vector>

#include "peer.h"
#include "weir/net/listener.h"
#include "weir/net/tls.h"

namespace weir::net {

// Takes every arrival through a handshake.
class Securing final : public AcceptEvents, public TlsAcceptEvents {
 public:
  void on_accept(Arrival arrival) override {
    const int bytes = 32768;  // less, and the kernel waits for its timers
    if (buffers == Buffers::small) {
      ::setsockopt(arrival.descriptor(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
      ::setsockopt(arrival.descriptor(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    handshakes.push_back(accept_tls(std::move(arrival), server, *this));
  }
  void on_secured(std::unique_ptr<Transport> made, TlsError why) override {
    error = why;
    if (made) peers.push_back(std::make_unique<Peer>(std::move(made)));
  }

  enum class Buffers : std::uint8_t { usual, small } buffers = Buffers::usual;
  std::shared_ptr<const TlsServer> server;
  std::vector<std::unique_ptr<Connecting>> handshakes;
  std::vector<std::unique_ptr<Peer>> peers;
  std::optional<TlsError> error;
};

}  // namespace weir::net
