// A connection to an endpoint that carries one HTTP/1.1 exchange at a time.
//
//   idle --(start)--> busy --(release, reusable)--> idle
//   busy --(release, not reusable)--> closed        idle --(input, end, idle timeout)--> closed
//
// A read is always outstanding, so an endpoint that closes an idle connection is noticed before the
// connection is used again. Whatever arrives on an idle connection closes it: it
// could only be taken for the answer to a request that has not been sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "weir/base/intrusive.h"
#include "weir/base/scheduler.h"
#include "weir/body/h1_sink.h"
#include "weir/body/h1_source.h"
#include "weir/codec/h1_head.h"
#include "weir/net/channel.h"
#include "weir/net/closed.h"
#include "weir/resilience/outcome.h"

namespace weir::upstream {

class H1Connection;

// Who owns the connection, keeps it while idle and destroys it when closed.
class ConnectionOwner {
 public:
  virtual void on_idle(H1Connection& connection) = 0;
  virtual void on_closed(H1Connection& connection, net::Closed reason) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class H1Connection final : private net::ChannelEvents, private Wakeable, public Listed {
 public:
  enum class State : std::uint8_t { idle, busy, closed };
  // How far the answer to the request has come.
  enum class Progress : std::uint8_t {
    waiting,
    informed,  // response() is informational: read it, then next_head()
    head,      // response() is final; body() follows
    failed     // failure() says why; there is no response
  };

  H1Connection(std::unique_ptr<net::Transport> transport, Scheduler& scheduler,
               ConnectionOwner& owner);

  // Sends a request. Without a body it goes out at once; otherwise with the first flush of
  // request_body(). `watcher` is scheduled whenever progress() changes. CONNECT sends nothing
  // and is answered 200: the connection itself is the tunnel.
  void start(const http::RequestHead& head, Wakeable& watcher);
  // The exchange has finished with the connection, for better or worse.
  void release();
  // Closes now if idle, else after release().
  void retire(net::Closed reason);

  Progress progress() const { return progress_; }
  resilience::Failure failure() const { return failure_; }
  http::ResponseHead& response() { return response_; }
  void next_head();
  http::Source& body() { return source_; }
  http::Sink& request_body() { return sink_; }
  // After 101 or CONNECT: both carry raw bytes.
  void begin_tunnel();

  bool reused() const { return requests_ > 1; }
  // Whether anything of the present request has reached the kernel.
  bool bytes_written() const { return channel_.written() > written_before_; }
  std::uint64_t requests() const { return requests_; }
  State state() const { return state_; }
  // Idle no longer than this; never longer than the endpoint announced in Keep-Alive.
  void rest_for(Duration at_most);
  // Between rest_for() and start(), also when it has closed meanwhile.
  bool resting() const { return resting_; }

 private:
  void on_input() override;
  void on_drained() override { sink_.on_drained(); }
  void wake() override { close(net::Closed::idle); }
  void read_head();
  bool take_head(std::size_t size);
  void fail(resilience::Failure failure);
  void read_keep_alive();
  bool reusable() const;
  void close(net::Closed reason);
  net::Closed reason_to_end() const;

  Scheduler& scheduler_;
  ConnectionOwner& owner_;
  net::Channel channel_;
  http::ResponseHead response_;
  codec::ResponseHeadParser parser_{response_};
  body::H1Source source_;
  body::H1Sink sink_;
  Timer idle_timer_{*this};
  Wakeable* watcher_ = nullptr;
  std::uint64_t requests_ = 0;
  std::uint64_t written_before_ = 0;
  Duration announced_ = Duration::max();
  State state_ = State::idle;
  Progress progress_ = Progress::waiting;
  resilience::Failure failure_ = resilience::Failure::none;
  http::Method method_ = http::Method::get;
  bool upgrading_ = false;
  bool tunnel_ = false;
  bool resting_ = false;
  std::optional<net::Closed> retired_;
};

}  // namespace weir::upstream
