// One try of an exchange against one endpoint, from the lease to the response head and its body.
//
//   resting    --(start)------------------> connecting, or connected with a reused connection
//   connecting --(connected)--------------> connected
//   connected  --(send)-------------------> waiting
//   connecting --(refused, timeout ...)---> failed
//   waiting    --(1xx)--------------------> informed --(next_head)--> waiting
//   waiting    --(final head)-------------> responding
//   waiting    --(reset, malformed ...)---> failed
//
// The watcher is scheduled after every change. Destroying the attempt cancels it: a connection that
// is not in a clean state is closed.
#pragma once

#include <cstdint>
#include <memory>

#include "weir/base/scheduler.h"
#include "weir/cluster/cluster.h"
#include "weir/net/transport.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/pool.h"

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

  // A reused connection may turn out to be closed; a fresh one costs a connect.
  enum class Connection : std::uint8_t { any, fresh };

  Attempt(Pools& pools, Wakeable& watcher) : pools_(pools), watcher_(watcher) {}
  ~Attempt() override;

  // `policy` must stay as it is while connecting.
  void start(cluster::Lease lease, const policy::Upstream& policy, Connection connection);
  // Once, when connected. What the head says of the budget is told after connecting, which eats
  // from it.
  void send(const http::RequestHead& head);

  State state() const;
  resilience::Failure failure() const;
  // While responding (or informed).
  http::ResponseHead& response() { return connection_->response(); }
  void next_head() { connection_->next_head(); }
  http::Source& body() { return connection_->body(); }
  // From waiting on.
  http::Sink& request_body() { return connection_->request_body(); }
  void begin_tunnel() { connection_->begin_tunnel(); }

  cluster::Lease& lease() { return lease_; }
  const cluster::Endpoint& endpoint() const { return lease_.endpoint(); }
  Instant started() const { return started_; }
  bool reused_connection() const { return connection_ != nullptr && connection_->reused(); }
  bool bytes_written() const {
    return sent_ && connection_ != nullptr && connection_->bytes_written();
  }

  // Gives the connection back: to the pool when the exchange on it was complete.
  void release();

 private:
  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;
  void wake() override;  // the connect timeout
  void stop_connecting();
  void fail(resilience::Failure failure);

  Pools& pools_;
  Wakeable& watcher_;
  cluster::Lease lease_;
  const policy::Upstream* policy_ = nullptr;
  Pool* pool_ = nullptr;
  std::unique_ptr<net::Connecting> connecting_;
  H1Connection* connection_ = nullptr;
  Timer connect_timer_{*this};
  Instant started_{};
  bool sent_ = false;
  resilience::Failure failure_ = resilience::Failure::none;
};

}  // namespace weir::upstream
