// An accepted connection from which nobody has read yet, and what its first bytes say it is.
//
// Nothing is consumed by looking (MSG_PEEK), so whoever takes the connection over reads it from its
// first byte: as plain text, through a TLS handshake, or as a tunnel that never looks inside.
//
//   waiting --(enough bytes)----------------> recognised
//   waiting --(time limit, nothing came)----> silent      a server-speaks-first protocol, maybe
//   waiting --(time limit or end, begun)----> the best guess: TLS or HTTP/1 that has begun is one
//   waiting --(end, nothing came)-----------> ended       who listens to the server alone, maybe
//   waiting --(reset)-----------------------> gone
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/address.h"
#include "weir/base/timer_queue.h"
#include "weir/net/descriptor.h"
#include "weir/net/loop.h"
#include "weir/net/tls.h"
#include "weir/net/transport.h"

namespace weir::net {

class Arrival {
 public:
  Arrival(Loop& loop, Descriptor socket, const Address& peer);

  const Address& peer() const { return peer_; }
  // As the kernel names our side: with TPROXY the address that the caller meant.
  const Address& local() const;
  // Where the caller wanted to go before a REDIRECT rule sent it here (SO_ORIGINAL_DST,
  // IP6T_SO_ORIGINAL_DST); nullopt when it came to us directly, or the kernel does not know.
  std::optional<Address> original_destination() const;

  // Hands the connection on; the arrival is empty afterwards. Null when the kernel refuses.
  std::unique_ptr<Transport> plain() &&;
  int descriptor() const { return socket_.number(); }
  Descriptor release() && { return std::move(socket_); }
  Loop& loop() const { return *loop_; }

 private:
  Loop* loop_;
  Descriptor socket_;
  Address peer_;
  mutable std::optional<Address> local_;
};

// What a connection begins with.
struct Greeting {
  enum class Kind : std::uint8_t {
    tls,     // a ClientHello; server_name and alpn as it says
    http_1,  // a method token and a target follow
    http_2,  // the client's preface (RFC 9113, 3.4)
    opaque,  // none of these, and no server takes it for one
    // Words that are no HTTP/1 as it should be, or might still become it; some servers take them
    // for a request: empty lines before it, two spaces in it, too long a line, a method alone.
    unclear,
    silent,  // nothing came within the time limit
    ended,   // nothing came, and nothing will
    gone
  };
  Kind kind = Kind::gone;
  std::string server_name;  // of TLS, in small letters; empty without SNI
  bool offers_h2 = false;   // by ALPN
};

class GreetingEvents {
 public:
  // Exactly once, from the loop's top level, unless the Recognition is destroyed first.
  virtual void on_greeting(Greeting greeting) = 0;

 protected:
  ~GreetingEvents() = default;
};

// Looks at the first bytes of an arrival, which outlives it. At most 16 KiB are looked at: a
// ClientHello that is longer is opaque, a request line that has not ended by then is unclear.
class Recognition {
 public:
  virtual ~Recognition() = default;
  static std::unique_ptr<Recognition> start(Arrival& arrival, Duration at_most,
                                            GreetingEvents& events);
};

class TlsAcceptEvents {
 public:
  // Exactly once unless the Connecting is destroyed first; null on error.
  virtual void on_secured(std::unique_ptr<Transport> transport, TlsError error) = 0;

 protected:
  ~TlsAcceptEvents() = default;
};

// A TLS handshake as the server. The time limit is the caller's: it destroys the Connecting.
std::unique_ptr<Connecting> accept_tls(Arrival arrival, std::shared_ptr<const TlsServer> server,
                                       TlsAcceptEvents& events);

}  // namespace weir::net
