// One request and its response on a connection to an endpoint, whatever the connection speaks.
//
// An HTTP/1.1 connection is a call, one after the other; an HTTP/2 stream is one, once.
#pragma once

#include <cstdint>

#include "weir/base/ready_queue.h"
#include "weir/http/message.h"
#include "weir/http/stream.h"
#include "weir/resilience/outcome.h"

namespace weir::upstream {

class Call {
 public:
  enum class Progress : std::uint8_t {
    connecting,  // HTTP/2: its connection is being made
    connected,   // start() may be called
    waiting,
    informed,  // response() is informational: read it, then next_head()
    head,      // response() is final; body() follows
    failed     // failure() says why; there is no response
  };

  // Sends a request, once, when connected. `head` is only needed during the call. Without a body it
  // goes out at once; otherwise with the first flush of request_body().
  virtual void start(const http::RequestHead& head) = 0;
  virtual Progress progress() const = 0;
  virtual resilience::Failure failure() const = 0;
  // While connecting: the endpoint has accepted, what is left is the TLS handshake.
  virtual bool reached() const { return false; }
  virtual http::ResponseHead& response() = 0;
  virtual void next_head() = 0;
  virtual http::Source& body() = 0;
  virtual http::Sink& request_body() = 0;
  // After 101 or CONNECT: both carry raw bytes.
  virtual void begin_tunnel() = 0;
  // The connection had carried a request before.
  virtual bool reused() const = 0;
  // Whether anything of the request may have reached the peer.
  virtual bool bytes_written() const = 0;
  // The exchange has finished with the call, for better or worse; what is unfinished is cancelled
  // (HTTP/1: the connection is closed; HTTP/2: RST_STREAM with CANCEL). The call is gone.
  virtual void release() = 0;

 protected:
  ~Call() = default;
};

}  // namespace weir::upstream
