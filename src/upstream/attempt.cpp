#include "weir/upstream/attempt.h"

#include <utility>

namespace weir::upstream {
namespace {

using resilience::Failure;

Failure failure_of(net::ConnectError error) {
  switch (error) {
    case net::ConnectError::none: return Failure::none;
    case net::ConnectError::refused: return Failure::connect_refused;
    case net::ConnectError::unreachable: return Failure::connect_unreachable;
    case net::ConnectError::timeout: return Failure::connect_timeout;
    case net::ConnectError::exhausted: return Failure::connection_limit;
  }
  std::unreachable();
}

}  // namespace

Attempt::~Attempt() { release(); }

void Attempt::start(cluster::Lease lease, const policy::Upstream& policy, Connection connection) {
  lease_ = std::move(lease);
  policy_ = &policy;
  started_ = pools_.scheduler().now();
  pool_ = &pools_.of(lease_.endpoint(), policy);
  connection_ = connection == Connection::any ? pool_->take_idle() : nullptr;
  if (connection_ != nullptr) return;
  if (pool_->size() >= policy.pool.connections) {
    fail(Failure::connection_limit);
  } else {
    pool_->reserve();
    pools_.scheduler().arm_in(connect_timer_, policy.connect_timeout);
    connecting_ = pools_.connector().connect(lease_.endpoint().facts.address, *this);
  }
}

void Attempt::on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  if (error != net::ConnectError::none) {
    stop_connecting();
    return fail(failure_of(error));
  }
  connecting_.reset();
  connect_timer_.disarm();
  connection_ = &pool_->adopt(std::move(transport), policy_->pool);
  pools_.scheduler().schedule(watcher_);
}

void Attempt::send(const http::RequestHead& head) {
  sent_ = true;
  connection_->start(head, watcher_);
}

void Attempt::wake() {
  stop_connecting();
  fail(Failure::connect_timeout);
}

void Attempt::fail(Failure failure) {
  failure_ = failure;
  pools_.scheduler().schedule(watcher_);
}

Attempt::State Attempt::state() const {
  if (failure_ != Failure::none) return State::failed;
  if (connecting_) return State::connecting;
  if (connection_ == nullptr) return State::resting;
  if (!sent_) return State::connected;
  switch (connection_->progress()) {
    case H1Connection::Progress::waiting: return State::waiting;
    case H1Connection::Progress::informed: return State::informed;
    case H1Connection::Progress::head: return State::responding;
    case H1Connection::Progress::failed: return State::failed;
  }
  std::unreachable();
}

Failure Attempt::failure() const {
  if (failure_ != Failure::none || connection_ == nullptr) return failure_;
  return connection_->failure();
}

void Attempt::stop_connecting() {
  if (!connecting_) return;
  connecting_.reset();
  connect_timer_.disarm();
  pool_->unreserve();
}

void Attempt::release() {
  stop_connecting();
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->release();
}

}  // namespace weir::upstream
