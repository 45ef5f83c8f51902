// A byte stream to a peer: TCP, TLS, and a simulated one in tests.
//
// Single-threaded and without callbacks into the caller's stack: completions are delivered from
// the loop's top level. Exactly one read is outstanding at a time; connections keep one pending
// even when idle, so that a peer's closing is seen at once.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "weir/base/address.h"

namespace weir::net {

class KernelPipe;
class TlsClient;
struct TlsPeer;

enum class IoError : std::uint8_t {
  none,
  reset,    // ECONNRESET, EPIPE and their kind
  timeout,  // the kernel gave up (ETIMEDOUT)
  // TLS: the connection ended without the peer's word that all has been said (close_notify).
  // Complete messages stand, and ours can still be sent; what only an end delimits is cut off.
  truncated,
  other
};

struct ReadResult {
  std::size_t bytes = 0;  // 0 without an error: the peer has sent its last byte
  IoError error = IoError::none;
  bool end() const { return bytes == 0 && error == IoError::none; }
};

struct WriteResult {
  std::size_t bytes = 0;  // taken by the kernel; fewer than offered: wait until writable
  IoError error = IoError::none;
};

// Who hears of completions. Called from the loop's top level, never from within a Transport call.
class TransportEvents {
 public:
  virtual void on_read(ReadResult result) = 0;
  virtual void on_writable() = 0;

 protected:
  ~TransportEvents() = default;
};

class Transport {
 public:
  virtual ~Transport() = default;  // closes at once; nothing is delivered afterwards

  // Must be set before the first read or wait; may change hands while nothing is being delivered,
  // also while a read is outstanding.
  virtual void deliver_to(TransportEvents& events) = 0;

  // Reads at most `into.size()` bytes (> 0), once; `into` must stay valid until on_read() or the
  // Transport's destruction. Nothing is put there before: many transports may wait with one buffer.
  virtual void read(std::span<char> into) = 0;
  // Never blocks. Who was not rid of everything offers the rest again, unchanged at its beginning
  // and not less of it: a part may be on its way in a record that counts when it has gone.
  virtual WriteResult write(std::span<const iovec> pieces) = 0;

  // Whether bytes can go on without being looked at (splice(2)): plain TCP alone can.
  virtual bool splices() const { return false; }
  // As read(), into an empty pipe, which must stay valid as long.
  virtual void splice_in(KernelPipe& into) { static_cast<void>(into); }
  // As write(), of what the pipe holds.
  virtual WriteResult splice_out(KernelPipe& from) {
    static_cast<void>(from);
    return {.bytes = 0, .error = IoError::other};
  }
  // One on_writable() when the peer takes bytes again, or the connection broke.
  virtual void wait_writable() = 0;
  // Sends the end of our bytes; the peer may go on sending.
  virtual void shutdown_send() = 0;
  // From now on closing resets (RST) instead of ending gracefully.
  virtual void reset_on_close() = 0;

  virtual const Address& peer() const = 0;
  virtual const Address& local() const = 0;
  // What a TLS handshake has established; null on plain connections.
  virtual const TlsPeer* tls() const { return nullptr; }
};

enum class ConnectError : std::uint8_t {
  none,
  refused,
  unreachable,
  timeout,
  exhausted,
  tls,            // no common version, or the peer broke the handshake off
  tls_untrusted,  // nobody we know vouches for the peer
  tls_expired,
  tls_wrong_name,
  tls_alert  // the peer does not want us
};

enum class Alpn : std::uint8_t { http_1_1, h2, h2_or_http_1_1, nothing };

// Where to connect to, and how the connection is secured.
struct Target {
  explicit(false) Target(const Address& to) : address(to) {}  // plain text

  Address address;
  std::shared_ptr<const TlsClient> tls;  // null: plain text
  Alpn alpn = Alpn::nothing;             // what is offered in the handshake
  // Connects from this address, whose port is 0: any. One that is no loopback address may be
  // somebody else's: such a connection bears policy::tproxy_mark and needs CAP_NET_ADMIN
  // (IP_TRANSPARENT). A loopback address that this machine lacks is left out.
  std::optional<Address> source{};
};

class ConnectEvents {
 public:
  // Exactly once unless the Connecting is destroyed first. `transport` is null on error.
  virtual void on_connect(std::unique_ptr<Transport> transport, ConnectError error) = 0;

 protected:
  ~ConnectEvents() = default;
};

// A connection being made. Destroying it gives up.
class Connecting {
 public:
  virtual ~Connecting() = default;
  // The peer has accepted; what is left is the TLS handshake.
  virtual bool reached() const { return false; }
};

class Connector {
 public:
  virtual ~Connector() = default;
  // The time limit is the caller's: it destroys the Connecting. Never calls back from within.
  // With TLS the connection is there when the handshake is complete and the peer is who it should
  // be; the time limit covers both.
  virtual std::unique_ptr<Connecting> connect(const Target& to, ConnectEvents& events) = 0;
};

}  // namespace weir::net
