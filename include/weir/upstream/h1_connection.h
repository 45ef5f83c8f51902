// A connection to an endpoint that carries one HTTP/1.1 exchange at a time.
//
//   idle --(bind)--> busy --(release, reusable)--> idle
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
#include "weir/upstream/approach.h"
#include "weir/upstream/call.h"

namespace weir::upstream {

class H1Connection;

// Who owns the connection, keeps it while idle and destroys it when closed.
class H1Owner {
 public:
  virtual void on_idle(H1Connection& connection) = 0;
  virtual void on_closed(H1Connection& connection, net::Closed reason) = 0;

 protected:
  ~H1Owner() = default;
};

class H1Connection final : public Call,
                           private net::ChannelEvents,
                           private Wakeable,
                           public Listed {
 public:
  enum class State : std::uint8_t { idle, busy, closed };

  H1Connection(std::unique_ptr<net::Transport> transport, const Ends& ends, Scheduler& scheduler,
               H1Owner& owner);

  // Makes it the next exchange's: it can be started, and `watcher` is scheduled whenever progress()
  // changes, until it is released.
  void bind(Wakeable& watcher);
  // Closes now if idle, else after release().
  void retire(net::Closed reason);

  // Call. CONNECT sends nothing and is answered 200: the connection itself is the tunnel.
  void start(const http::RequestHead& head) override;
  void release() override;
  Progress progress() const override { return progress_; }
  resilience::Failure failure() const override { return failure_; }
  http::ResponseHead& response() override { return response_; }
  void next_head() override;
  http::Source& body() override { return source_; }
  http::Sink& request_body() override { return sink_; }
  void begin_tunnel() override;
  bool reused() const override { return requests_ > 1; }
  // Whether anything of the present request has reached the kernel.
  bool bytes_written() const override { return channel_.written() > written_before_; }

  const Ends& ends() const { return ends_; }
  std::uint64_t requests() const { return requests_; }
  State state() const { return state_; }
  // Idle no longer than this; never longer than the endpoint announced in Keep-Alive.
  void rest_for(Duration at_most);
  // Between rest_for() and bind(), also when it has closed meanwhile.
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
  bool finished() const;
  void close(net::Closed reason);
  net::Closed reason_to_end() const;

  Ends ends_;
  Scheduler& scheduler_;
  H1Owner& owner_;
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
  Progress progress_ = Progress::connected;
  resilience::Failure failure_ = resilience::Failure::none;
  http::Method method_ = http::Method::get;
  bool upgrading_ = false;
  bool tunnel_ = false;
  bool resting_ = false;
  std::optional<net::Closed> retired_;
};

}  // namespace weir::upstream
