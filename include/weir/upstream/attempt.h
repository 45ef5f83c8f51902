// One try of an exchange against one endpoint, from the lease to the response head and its body.
//
//   resting    --(start)------------------> connecting, or connected when one is there already
//   connecting --(connected)--------------> connected
//   connected  --(send)-------------------> waiting
//   connecting --(refused, timeout ...)---> failed
//   waiting    --(1xx)--------------------> informed --(next_head)--> waiting
//   waiting    --(final head)-------------> responding
//   waiting    --(reset, malformed ...)---> failed
//
// Connecting may take the upstream's connect_timeout; where TLS follows, its handshake_timeout
// comes on top. The watcher is scheduled after every change. Destroying the attempt cancels it: an
// HTTP/1.1 connection that is not in a clean state is closed, an HTTP/2 stream is reset.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "weir/base/scheduler.h"
#include "weir/cluster/cluster.h"
#include "weir/net/transport.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/approach.h"
#include "weir/upstream/call.h"
#include "weir/upstream/negotiation.h"
#include "weir/upstream/pool.h"
#include "weir/upstream/wire.h"

namespace weir::upstream {

class Attempt final : private net::ConnectEvents, private Negotiation::Waiter, private Wakeable {
 public:
  enum class State : std::uint8_t {
    resting,
    connecting,
    connected,
    waiting,
    informed,
    responding,
    failed
  };

  using Connection = Freshness;

  Attempt(Pools& pools, Wakeable& watcher) : pools_(pools), watcher_(watcher) {}
  ~Attempt() override;

  void start(cluster::Lease lease, const Approach& approach, Connection connection, Wire wire);
  // Once, when connected. What the head says of the budget is told after connecting, which eats
  // from it.
  void send(const http::RequestHead& head);

  State state() const;
  resilience::Failure failure() const;
  // While responding (or informed).
  http::ResponseHead& response() { return call_->response(); }
  void next_head() { call_->next_head(); }
  http::Source& body() { return call_->body(); }
  // From waiting on.
  http::Sink& request_body() { return call_->request_body(); }
  void begin_tunnel() { call_->begin_tunnel(); }

  cluster::Lease& lease() { return lease_; }
  const cluster::Endpoint& endpoint() const { return lease_.endpoint(); }
  Instant started() const { return started_; }
  bool reused_connection() const { return call_ != nullptr && call_->reused(); }
  // Its connection is, or will be, one of TLS.
  bool secured() const { return pool_ != nullptr && pool_->secured(); }
  bool bytes_written() const { return call_ != nullptr && call_->bytes_written(); }

  // Gives the call up: its connection goes back to the pool when the exchange on it was complete.
  void release();

 private:
  void begin();
  void start_h1();
  void start_h2();
  void start_agreed();
  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;
  void on_negotiated(net::ConnectError error) override;
  void wake() override;  // the time to connect is up
  void adopt(std::unique_ptr<net::Transport> transport);
  void arm_connect_timer();
  bool reached() const;
  bool at_limit() const { return !pool_->make_room(policy_->pool); }
  net::Target target() const;
  void stop_connecting();
  void fail(resilience::Failure failure);

  Pools& pools_;
  Wakeable& watcher_;
  cluster::Lease lease_;
  const policy::Upstream* policy_ = nullptr;
  Ends ends_;
  Pool* pool_ = nullptr;
  Connection connection_ = Connection::any;
  Wire wire_ = Wire::http_1_1;
  std::uint32_t epoch_ = 0;  // the pool's, when connecting_ began
  enum class Patience : std::uint8_t { connect, handshake };
  Patience patience_ = Patience::connect;
  std::unique_ptr<net::Connecting> connecting_;  // HTTP/1.1 only
  Call* call_ = nullptr;
  Timer connect_timer_{*this};
  Instant started_{};
  resilience::Failure failure_ = resilience::Failure::none;
};

inline bool is_running(const std::optional<Attempt>& attempt) {
  return attempt && attempt->state() != Attempt::State::resting;
}

}  // namespace weir::upstream
