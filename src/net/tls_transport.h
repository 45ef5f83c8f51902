// A TLS connection on a Loop: the handshake first, then a byte stream.
//
// OpenSSL works on the socket itself (net/tls_wire.h), without a buffer of ours in between. Per
// request it costs one recv() and one send(), like the plain connection: pieces are joined to one
// record as long as they fit. At rest neither side's buffers exist (SSL_MODE_RELEASE_BUFFERS).
//
//   handshaking --(done)--> open --(close_notify)--------> ended      end()
//        |                    |----(FIN without it)------> truncated  IoError::truncated
//        '--(anything else)   '----(reset, bad record)---> broken     IoError
#pragma once

#include <array>
#include <optional>

#include "net/openssl.h"
#include "net/socket.h"
#include "net/tls_client.h"
#include "net/tls_server.h"
#include "net/tls_wire.h"
#include "weir/base/recycle.h"
#include "weir/net/loop.h"
#include "weir/net/tls.h"
#include "weir/net/transport.h"

namespace weir::net {

class HandshakeEvents {
 public:
  // Exactly once, from the loop's top level, unless the transport is destroyed first.
  virtual void on_handshake(TlsError error) = 0;

 protected:
  ~HandshakeEvents() = default;
};

class TlsTransport final : public Transport, public Recycled, private Watcher, private Wakeable {
 public:
  TlsTransport(Loop& loop, Descriptor socket, const Address& peer);
  ~TlsTransport() override;

  // False without memory, or when the kernel refuses another watch. `socket` is connected and
  // non-blocking.
  bool accept(std::shared_ptr<const TlsServer> server, HandshakeEvents& events, Watched watched);
  bool connect(std::shared_ptr<const TlsClient> client, Alpn alpn, HandshakeEvents& events,
               Watched watched);

  void deliver_to(TransportEvents& events) override { events_ = &events; }
  void read(std::span<char> into) override;
  WriteResult write(std::span<const iovec> pieces) override;
  void wait_writable() override;
  void shutdown_send() override;
  void reset_on_close() override;
  const Address& peer() const override { return address_; }
  const Address& local() const override;
  const TlsPeer* tls() const override { return &peer_; }

  // Called by OpenSSL.
  void on_session(const SSL_SESSION& session);
  void on_record(unsigned char content_type);

 private:
  enum class Phase : std::uint8_t { handshaking, open, finished };

  void on_ready(Readiness readiness) override;
  void wake() override;
  bool begin(Ssl ssl, HandshakeEvents& events, Watched watched);
  void shake_hands();
  TlsError judge_peer();
  void describe_peer();
  void deliver();
  std::optional<ReadResult> receive();
  bool receive_record(std::size_t& filled);
  WriteResult write_record(const char* bytes, std::size_t size);
  void end_sending();
  void tell_of_room();
  IoError broken() const;

  Loop& loop_;
  TlsWire wire_;
  Ssl ssl_;
  std::shared_ptr<const TlsServer> server_;  // until the handshake is over
  std::shared_ptr<const TlsClient> client_;  // keeps the tickets that come later
  HandshakeEvents* handshake_ = nullptr;
  TransportEvents* events_ = nullptr;
  std::span<char> into_;  // not empty: a read is outstanding
  ReadResult last_;       // what every read gives once the phase is `finished`
  Phase phase_ = Phase::handshaking;
  Alpn alpn_ = Alpn::nothing;
  bool more_ = false;              // OpenSSL may hold bytes, or the end is still to be told
  bool waiting_for_room_ = false;  // on_writable() is owed
  bool told_of_room_ = false;      // registered for it, which most connections never need
  bool ending_ = false;            // close_notify waits for room
  bool resets_ = false;
  unsigned idle_records_ = 0;  // those after the handshake that carried no bytes for us
  std::uint64_t received_ = 0;
  Address address_;
  mutable std::optional<Address> local_;  // asked for when first wanted
  TlsPeer peer_;
};

}  // namespace weir::net
