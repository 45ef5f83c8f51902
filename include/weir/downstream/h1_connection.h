// HTTP/1.1 on an accepted connection: bytes to requests, one exchange at a time, in order.
//
//   idle       --(first byte)-------------------> head
//   head       --(head complete)----------------> exchange   the handler has the stream
//   head       --(refused bytes, header timeout)-> lingering  after a reply of our own
//   exchange   --(done, connection goes on)-----> idle       or head, when more has arrived
//   exchange   --(done, connection ends)--------> lingering  or closed
//   idle       --(end, idle timeout, drain)-----> closed
//   lingering  --(end, broken, linger time)-----> closed
//   any        --(ends with output unsent)------> lingering  until the caller has taken it
//
// Lingering: our side has ended and what the peer still sends is read and dropped for a short
// time, so that a reset does not destroy the reply on its way (RFC 9112, 9.6). Half-closed callers:
// the end of the caller's bytes after a complete request is taken as a sign that it has gone
// (close() and shutdown() look alike); what is not cancelled by policy is still answered.
#pragma once

#include <cstdint>

#include "weir/base/scheduler.h"
#include "weir/body/h1_sink.h"
#include "weir/body/h1_source.h"
#include "weir/codec/h1_head.h"
#include "weir/downstream/connection.h"
#include "weir/downstream/stream.h"

namespace weir::downstream {

class H1Connection final : public Protocol, private Stream, private Wakeable {
 public:
  // The first bytes of a first request have arrived, at `first_byte`; on_input() follows.
  H1Connection(const Accepted& accepted, Instant first_byte);

  void on_input() override;
  void on_drained() override;
  // Closes after the exchange in progress; when idle, after a grace of a second in which one more
  // request is answered.
  void drain() override;

 private:
  enum class State : std::uint8_t { idle, head, exchange, lingering, closed };

  // Wakeable: the timer, or a pipelined request
  void wake() override;
  // Stream
  http::RequestHead& head() override { return head_; }
  http::Source& body() override { return continue_source_; }
  resilience::Failure body_failure() const override;
  Instant first_byte() const override { return first_byte_; }
  const Address& peer() const override { return channel_.peer(); }
  const Address& local() const override { return channel_.local(); }
  const net::TlsPeer* tls() const override { return channel_.tls(); }
  const std::optional<Address>& destination() const override { return connection_.destination(); }
  Caller caller() const override;
  void wake_on_change(Wakeable* watcher) override { watcher_ = watcher; }
  void inform(const http::ResponseHead& head) override;
  http::Sink& respond(http::ResponseHead& head) override;
  void begin_tunnel() override;
  void done(Ending ending) override;

  // Says `100 Continue` when the body is first asked for and the caller waits to be told.
  class ContinueSource final : public http::Source {
   public:
    explicit ContinueSource(H1Connection& connection) : connection_(connection) {}
    http::Pull pull() override;
    void consume(std::size_t count) override { connection_.source_.consume(count); }
    void wake_on_readable(Wakeable* reader) override {
      connection_.source_.wake_on_readable(reader);
    }
    const http::Fields* trailers() const override { return connection_.source_.trailers(); }

   private:
    H1Connection& connection_;
  };

  void read_head();
  void begin_exchange();
  void begin_idle();
  void refuse(std::uint16_t status, std::string_view detail);
  void end(net::Closed reason);
  void linger(net::Closed reason);
  void close(net::Closed reason);
  net::Closed input_end() const;
  net::Closed reason_to_end() const;
  bool may_go_on(Ending ending);

  Scheduler& scheduler_;
  const policy::Limits& limits_;
  Handler& handler_;
  Connection& connection_;
  net::Channel& channel_;
  http::RequestHead head_;
  codec::RequestHeadParser parser_;
  body::H1Source source_;
  ContinueSource continue_source_{*this};
  body::H1Sink sink_;
  Timer timer_{*this};
  Wakeable* watcher_ = nullptr;
  Instant first_byte_;
  std::uint64_t requests_ = 0;
  State state_ = State::head;
  net::Closed lingering_for_ = net::Closed::peer;
  http::Method method_ = http::Method::get;  // of the request, whatever became of head_
  http::Version version_ = http::Version::http_1_1;
  bool keep_alive_ = true;  // what request and response have said so far
  bool awaits_continue_ = false;
  bool body_stalled_ = false;
  bool draining_ = false;
  bool tunnel_ = false;
};

}  // namespace weir::downstream
