// One end of an HTTP/2 connection (RFC 9113), without its socket: bytes to events, calls to bytes.
//
// nghttp2 keeps the state of streams, windows and HPACK; this adds what a proxy needs beyond it:
// heads in weir's terms, strict where HTTP/1 parsers could read them differently, limits on
// everything that a peer can make us hold, and an allowance for frames that only cost.
//
// Nobody is woken from here. Events come from within receive() and send(); what they may call is
// every function but receive(), send() and the destructor. Output is gathered by nghttp2
// and taken once per turn with send().
//
// Flow control: the connection's window is given back as bytes arrive, so a stream that nobody
// reads cannot stall its neighbours; a stream's window only as consumed() says. So a
// connection makes us hold at most `concurrent_streams` times `stream_window` bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/time.h"
#include "weir/codec/h1_error.h"
#include "weir/codec/h2_error.h"
#include "weir/codec/h2_stream.h"
#include "weir/http/message.h"

namespace weir::codec {

class H2SessionEvents {
 public:
  // Servers: a complete and valid head; swap it out. `open()` holds for the stream returned, which
  // answers it, at once or later; null refuses it with REFUSED_STREAM.
  virtual H2Stream* on_request(http::RequestHead& head) = 0;
  // Servers: the session has answered or reset a request that it refused. `reason` is a word from a
  // fixed set; for counting.
  virtual void on_malformed(std::string_view reason) = 0;
  // The session ends with ENHANCE_YOUR_CALM.
  virtual void on_flood(H2Flood flood) = 0;
  // Something waits to be sent: call send() at the end of the turn.
  virtual void on_output() = 0;
  // Clients: may_open() may answer otherwise than before (SETTINGS, GOAWAY, a stream that closed
  // after it was forgotten; of others on_closed() tells the same).
  virtual void on_capacity() = 0;

 protected:
  ~H2SessionEvents() = default;
};

struct H2Settings {
  std::uint32_t concurrent_streams = 128;  // that a client may have open
  std::uint32_t stream_window = 64UL * 1024;
  std::uint32_t connection_window = 1024UL * 1024;
  H1Limits head;  // of decoded heads and trailers, as for HTTP/1
};

class H2Session {
 public:
  enum class Role : std::uint8_t { server, client };

  // `events` outlives the session. The connection preface and SETTINGS wait to be sent.
  H2Session(Role role, const H2Settings& settings, H2SessionEvents& events, Instant now);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // All bytes are taken. A server's begin with the client's preface.
  void receive(std::span<const char> bytes, Instant now);
  // Appends what may be sent now to `output`, until that holds `enough` bytes.
  void send(std::string& output, std::size_t enough);
  bool wants_to_send() const;
  // Nothing more will be read or sent: flush and close the transport.
  bool over() const;
  // A head has begun and has not ended (HEADERS without its CONTINUATION), or the preface has not.
  bool in_head() const;
  std::size_t streams() const;  // open ones

  // Servers. A head without a body, or in answer to HEAD, ends the stream, and `outgoing` is not
  // asked. Status 101 is written as 200 to an extended CONNECT (RFC 8441).
  void inform(H2Stream& stream, const http::ResponseHead& head);
  void respond(H2Stream& stream, const http::ResponseHead& head, http::Method request,
               H2Outgoing& outgoing);

  // Clients. May a stream be opened now: below the peer's limit, no GOAWAY, ids left.
  bool may_open() const;
  // The peer has enabled extended CONNECT; only then may a head have an `upgrade`.
  bool takes_upgrades() const;
  // Opens a stream. `outgoing` is asked only when the head has a body, or opens a tunnel.
  void request(H2Stream& stream, const http::RequestHead& head, H2Outgoing& outgoing);

  // The stream's outgoing has more to offer than it had when it last offered nothing.
  void resume(H2Stream& stream);
  // Bytes of the stream went on: its window opens again.
  void consumed(H2Stream& stream, std::size_t bytes);
  // RST_STREAM. on_closed() follows when it has been sent, unless forgotten. Servers: with no_error
  // it goes out once the whole response has (RFC 9113, 8.1), and not at all if the request has
  // ended by then; so the stream must not be forgotten before its outgoing has given everything.
  void reset(H2Stream& stream, H2Error error);
  // The stream object goes away; what the peer still sends on it is counted and dropped, and its
  // outgoing is never asked again. Reset it first unless both sides have ended.
  void forget(H2Stream& stream);

  // GOAWAY that refuses nothing yet (RFC 9113, 6.8); finish_shutdown() names the last stream.
  void begin_shutdown();
  void finish_shutdown();
  // GOAWAY with `error`; over() once it has been sent.
  void terminate(H2Error error);
  // The transport has gone: every open stream hears on_closed(error).
  void abandon(H2Error error);
  // As terminate(enhance_your_calm), with its counter; for floods that only the owner can see.
  void accuse(H2Flood flood);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::codec
