// One request and the way back to its caller, whatever the protocol version.
//
// A connection makes a Stream when the head of a request is complete and hands it to the Handler,
// which answers it and says done() exactly once. The stream stays valid until then, also
// when the caller has gone: writing to it is then harmless and pointless.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/address.h"
#include "weir/base/ready_queue.h"
#include "weir/base/time.h"
#include "weir/codec/h2_error.h"
#include "weir/http/message.h"
#include "weir/http/stream.h"
#include "weir/net/transport.h"
#include "weir/resilience/outcome.h"

namespace weir::downstream {

enum class Caller : std::uint8_t {
  present,
  gone  // its connection ended or broke (HTTP/1: also a half-closed one), or its stream was reset
};

enum class Ending : std::uint8_t {
  complete,  // the response was written whole
  aborted    // it was not: the peer must be able to tell
};

class Stream {
 public:
  // The request; the handler may change it and take things out of it.
  virtual http::RequestHead& head() = 0;
  virtual http::Source& body() = 0;
  // After the body has failed: malformed_request, request_timeout or caller_gone.
  virtual resilience::Failure body_failure() const = 0;
  // When the first byte of the request arrived: budgets count from here.
  virtual Instant first_byte() const = 0;
  virtual const Address& peer() const = 0;
  // Our side of its connection, as the kernel names it.
  virtual const Address& local() const = 0;
  // What the caller's TLS handshake established; null on plain connections.
  virtual const net::TlsPeer* tls() const = 0;
  // Where the caller thought to be calling, on an intercepted connection; none on an explicit one.
  virtual const std::optional<Address>& destination() const = 0;

  virtual Caller caller() const = 0;
  // Whom to schedule when caller() changes; null for nobody.
  virtual void wake_on_change(Wakeable* watcher) = 0;

  // An informational response (1xx but 101).
  virtual void inform(const http::ResponseHead& head) = 0;
  // The final head (or 101); its framing is adapted to the caller's version. The body goes through
  // the sink, whose finish() completes the response; with a head without a body finish() is still
  // called.
  virtual http::Sink& respond(http::ResponseHead& head) = 0;
  // After 101, or after 2xx to CONNECT: body() and the sink carry raw bytes, each with an end of
  // its own.
  virtual void begin_tunnel() = 0;

  // The handler has finished with the stream.
  virtual void done(Ending ending) = 0;

 protected:
  ~Stream() = default;
};

class Handler {
 public:
  // A request is complete up to its body.
  virtual void on_request(Stream& stream) = 0;
  // A request was refused; the connection answers, and closes or resets, by itself. `reason` is a
  // word from a fixed set. Only for counting.
  virtual void on_malformed(std::string_view reason) = 0;
  // The head of a request did not arrive in time; as above.
  virtual void on_request_timeout() = 0;
  // An HTTP/2 peer was told to calm down, and its connection ends. Only for counting.
  virtual void on_flood(codec::H2Flood flood) = 0;

 protected:
  ~Handler() = default;
};

}  // namespace weir::downstream
