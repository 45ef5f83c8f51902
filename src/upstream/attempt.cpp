#include "weir/upstream/attempt.h"

#include <utility>

#include "connect_failure.h"

namespace weir::upstream {

using resilience::Failure;

Attempt::~Attempt() { release(); }

void Attempt::start(cluster::Lease lease, const policy::Upstream& policy, Connection connection,
                    Wire wire) {
  lease_ = std::move(lease);
  policy_ = &policy;
  started_ = pools_.scheduler().now();
  pool_ = &pools_.of(lease_.endpoint(), policy);
  if (wire == Wire::http_2) {
    start_h2(connection);
  } else {
    start_h1(connection);
  }
}

void Attempt::start_h1(Connection connection) {
  call_ = connection == Connection::any ? pool_->h1().take_idle(watcher_) : nullptr;
  if (call_ != nullptr) return;
  if (pool_->size() >= policy_->pool.connections) return fail(Failure::connection_limit);
  pool_->h1().reserve();
  pools_.scheduler().arm_in(connect_timer_, policy_->connect_timeout);
  connecting_ = pools_.connector().connect(lease_.endpoint().facts.address, *this);
}

void Attempt::start_h2(Connection connection) {
  H2Pool& pool = pool_->h2();
  call_ = pool.join(*policy_, connection, watcher_);
  if (call_ == nullptr) {
    if (pool_->size() >= policy_->pool.connections) return fail(Failure::connection_limit);
    call_ = &pool.connect(lease_.endpoint().facts.address, *policy_, watcher_);
  }
  if (call_->progress() == Call::Progress::connecting) {
    pools_.scheduler().arm_in(connect_timer_, policy_->connect_timeout);
  }
}

void Attempt::on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  if (error != net::ConnectError::none) {
    stop_connecting();
    return fail(failure_of(error));
  }
  connecting_.reset();
  connect_timer_.disarm();
  call_ = &pool_->h1().adopt(std::move(transport), policy_->pool, watcher_);
  pools_.scheduler().schedule(watcher_);
}

void Attempt::send(const http::RequestHead& head) {
  connect_timer_.disarm();
  call_->start(head);
}

void Attempt::wake() {
  // An HTTP/2 connection may have been made before anything was sent on it.
  if (state() != State::connecting) return;
  release();
  fail(Failure::connect_timeout);
}

void Attempt::fail(Failure failure) {
  failure_ = failure;
  pools_.scheduler().schedule(watcher_);
}

Attempt::State Attempt::state() const {
  if (failure_ != Failure::none) return State::failed;
  if (connecting_) return State::connecting;
  if (call_ == nullptr) return State::resting;
  switch (call_->progress()) {
    case Call::Progress::connecting: return State::connecting;
    case Call::Progress::connected: return State::connected;
    case Call::Progress::waiting: return State::waiting;
    case Call::Progress::informed: return State::informed;
    case Call::Progress::head: return State::responding;
    case Call::Progress::failed: return State::failed;
  }
  std::unreachable();
}

Failure Attempt::failure() const {
  if (failure_ != Failure::none || call_ == nullptr) return failure_;
  return call_->failure();
}

void Attempt::stop_connecting() {
  connect_timer_.disarm();
  if (!connecting_) return;
  connecting_.reset();
  pool_->h1().unreserve();
}

void Attempt::release() {
  stop_connecting();
  if (call_ != nullptr) std::exchange(call_, nullptr)->release();
}

}  // namespace weir::upstream
