// One try of an exchange against one endpoint, from the lease to the response head and its body.
//
//   resting    --(start)------------------> connecting, or connected with a connection that is
//   there connecting --(connected)--------------> connected connected  --(send)------------------->
//   waiting connecting --(refused, timeout ...)---> failed waiting    --(1xx)-------------------->
//   informed --(next_head)--> waiting waiting    --(final head)-------------> responding waiting
//   --(reset, malformed ...)---> failed
//
// The watcher is scheduled after every change. Destroying the attempt cancels it: an HTTP/1.1
// connection that is not in a clean state is closed, an HTTP/2 stream is reset.
#pragma once

#include <cstdint>
#include <memory>

#include "weir/base/scheduler.h"
#include "weir/cluster/cluster.h"
#include "weir/net/transport.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/call.h"
#include "weir/upstream/pool.h"
#include "weir/upstream/wire.h"

namespace weir::upstream {

class Attempt final : private net::ConnectEvents, private Wakeable {
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

  // `policy` must stay as it is while connecting.
  void start(cluster::Lease lease, const policy::Upstream& policy, Connection connection,
             Wire wire);
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
  bool bytes_written() const { return call_ != nullptr && call_->bytes_written(); }

  // Gives the call up: its connection goes back to the pool when the exchange on it was complete.
  void release();

 private:
  void start_h1(Connection connection);
  void start_h2(Connection connection);
  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;
  void wake() override;  // the connect timeout
  void stop_connecting();
  void fail(resilience::Failure failure);

  Pools& pools_;
  Wakeable& watcher_;
  cluster::Lease lease_;
  const policy::Upstream* policy_ = nullptr;
  Pool* pool_ = nullptr;
  std::unique_ptr<net::Connecting> connecting_;  // HTTP/1.1 only
  Call* call_ = nullptr;
  Timer connect_timer_{*this};
  Instant started_{};
  resilience::Failure failure_ = resilience::Failure::none;
};

}  // namespace weir::upstream
