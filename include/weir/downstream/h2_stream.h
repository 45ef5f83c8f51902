// One stream of an HTTP/2 connection: a request and its response.
//
//   arrived  --(everything that came with it was read)--> running   the handler has the stream
//   arrived  --(reset meanwhile)------------------------> gone      the handler never hears of it
//   running  --(done, complete)-------------------------> answered  until its last byte was sent
//   running  --(done, aborted or the caller gone)-------> gone
//   answered --(sent, or closed)------------------------> gone
//
// A WebSocket that comes over HTTP/2 (RFC 8441) has no handshake of its own. The stream adds what
// HTTP/1.1 needs to the request and checks the answer, so that its caller is told of success only
// when the upstream has really switched.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "weir/base/intrusive.h"
#include "weir/base/recycle.h"
#include "weir/base/timer_queue.h"
#include "weir/body/h2_sink.h"
#include "weir/body/h2_source.h"
#include "weir/codec/h2_session.h"
#include "weir/downstream/stream.h"

namespace weir::downstream {

class H2Connection;

class H2Stream final : public Stream,
                       public codec::H2Stream,
                       public Listed,
                       public Recycled,
                       private codec::H2Outgoing,
                       private Wakeable {
 public:
  enum class State : std::uint8_t { arrived, running, answered, gone };

  // Takes the content of `head` and leaves that of `spare` in it, for its memory.
  H2Stream(H2Connection& connection, http::RequestHead& head, http::RequestHead&& spare,
           Instant first_byte);

  State state() const { return state_; }
  // The handler is about to have it.
  void run();
  // The connection lets go of it; it is destroyed soon.
  void leave() { state_ = State::gone; }
  // When it was answered, or the caller last took something of the answer's body.
  Instant progress() const { return progress_; }
  // The request, when nobody needs it any more.
  http::RequestHead& spent_head() { return head_; }

  // Stream
  http::RequestHead& head() override { return head_; }
  http::Source& body() override { return body_; }
  resilience::Failure body_failure() const override;
  Instant first_byte() const override { return first_byte_; }
  const Address& peer() const override;
  const Address& local() const override;
  const net::TlsPeer* tls() const override;
  const std::optional<Address>& destination() const override;
  Caller caller() const override { return gone_ ? Caller::gone : Caller::present; }
  void wake_on_change(Wakeable* watcher) override { watcher_ = watcher; }
  void inform(const http::ResponseHead& head) override;
  http::Sink& respond(http::ResponseHead& head) override;
  void begin_tunnel() override;
  void done(Ending ending) override;

 private:
  // codec::H2Stream
  void on_response(http::ResponseHead&) override {}
  void on_data(std::span<const char> bytes) override;
  void on_end(const http::Fields* trailers) override;
  void on_closed(codec::H2Error error) override;
  // codec::H2Outgoing: the sink, watched for its progress
  Offer offer(std::size_t at_most) override;
  void take(std::size_t bytes, std::string& output) override;
  const http::Fields* trailers() const override { return sink_.trailers(); }
  // Wakeable: the body was waited for too long
  void wake() override;

  // Says `100 Continue` when the body is first asked for and the caller waits to be told, and
  // limits the time between two reads.
  class Body final : public http::Source {
   public:
    explicit Body(H2Stream& stream) : stream_(stream) {}
    http::Pull pull() override;
    void consume(std::size_t count) override { stream_.source_.consume(count); }
    void wake_on_readable(Wakeable* reader) override { stream_.source_.wake_on_readable(reader); }
    const http::Fields* trailers() const override { return stream_.source_.trailers(); }

   private:
    H2Stream& stream_;
  };

  // The session has been given the last byte, if not the trailers.
  bool response_sent() const { return bodiless_ ? head_sent() : end_offered_; }
  void ask_for_websocket();
  void check_switch(http::ResponseHead& head);

  H2Connection& connection_;
  Wakeable* watcher_ = nullptr;
  http::RequestHead head_;
  body::H2Source source_;
  Body body_{*this};
  body::H2Sink sink_;
  Timer timer_{*this};
  Instant first_byte_;
  std::unique_ptr<const std::string> websocket_accept_;  // what the upstream has to say
  Instant progress_{};
  http::Method method_;  // of the request, whatever became of head_
  State state_ = State::arrived;
  codec::H2Error error_ = codec::H2Error::no_error;
  bool upgrading_;
  bool awaits_continue_;
  bool body_stalled_ = false;
  bool tunnel_ = false;
  bool bodiless_ = false;     // the response's head is all of it
  bool refused_ = false;      // answered by ourselves, in place of an upstream that did not switch
  bool end_offered_ = false;  // the session has seen the last byte of the response
  bool gone_ = false;
};

}  // namespace weir::downstream
