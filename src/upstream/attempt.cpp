#include "weir/upstream/attempt.h"

#include <utility>

#include "weir/upstream/connect_failure.h"

namespace weir::upstream {

using resilience::Failure;

Attempt::~Attempt() { release(); }

void Attempt::start(cluster::Lease lease, const Approach& approach, Connection connection,
                    Wire wire) {
  lease_ = std::move(lease);
  policy_ = &approach.policy;
  ends_ = approach.ends.value_or(Ends{lease_.endpoint().facts.address});
  connection_ = connection;
  wire_ = wire;
  started_ = pools_.scheduler().now();
  pool_ = &pools_.of(lease_.endpoint(), approach);
  begin();
}

void Attempt::begin() {
  switch (wire_) {
    case Wire::http_1_1: return start_h1();
    case Wire::http_2: return start_h2();
    case Wire::agreed: return start_agreed();
  }
}

void Attempt::start_h1() {
  call_ = pool_->h1().take_idle(connection_, ends_, watcher_);
  if (call_ != nullptr) return;
  if (at_limit()) return fail(Failure::connection_limit);
  pool_->h1().reserve();
  epoch_ = pool_->epoch();
  arm_connect_timer();
  connecting_ = pools_.connector().connect(target(), *this);
}

void Attempt::start_h2() {
  H2Pool& pool = pool_->h2();
  call_ = pool.join(*policy_, connection_, ends_, watcher_);
  if (call_ == nullptr) {
    if (at_limit()) return fail(Failure::connection_limit);
    net::Target to = target();
    // This endpoint has agreed upon it before.
    if (to.tls) to.alpn = net::Alpn::h2;
    call_ = &pool.connect(to, *policy_, watcher_);
  }
  if (call_->progress() == Call::Progress::connecting) arm_connect_timer();
}

void Attempt::start_agreed() {
  const auto spoken = pool_->spoken();
  if (spoken == Wire::http_1_1) return start_h1();
  if (spoken == Wire::http_2) return start_h2();
  if (!pool_->negotiation().going_on() && at_limit()) return fail(Failure::connection_limit);
  arm_connect_timer();
  pool_->negotiate(*this, target(), policy_->pool);
}

net::Target Attempt::target() const { return pool_->target(ends_, wire_); }

// What was begun first counts: waiting for another connection starts no clock anew.
void Attempt::arm_connect_timer() {
  if (!connect_timer_.armed()) {
    pools_.scheduler().arm_in(connect_timer_, policy_->connect_timeout);
  }
}

void Attempt::on_negotiated(net::ConnectError error) {
  if (error != net::ConnectError::none) {
    connect_timer_.disarm();
    return fail(failure_of(error));
  }
  begin();
  if (state() != State::connecting) connect_timer_.disarm();
  pools_.scheduler().schedule(watcher_);
}

void Attempt::on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  count_handshake(pools_.recorder(), transport.get(), error);
  if (error != net::ConnectError::none) {
    stop_connecting();
    return fail(failure_of(error));
  }
  connecting_.reset();
  connect_timer_.disarm();
  adopt(std::move(transport));
  pools_.scheduler().schedule(watcher_);
}

void Attempt::adopt(std::unique_ptr<net::Transport> transport) {
  const bool outdated = epoch_ != pool_->epoch();
  if (agreed_on_h2(*transport)) {
    pool_->h1().unreserve();
    H2Connection& connection = pool_->h2().adopt(std::move(transport), ends_, policy_->pool);
    call_ = &connection.join(watcher_);
    if (outdated) connection.retire(net::Closed::drain);
    return;
  }
  if (wire_ == Wire::agreed && !outdated) pool_->remember_h1();
  H1Connection& connection =
      pool_->h1().adopt(std::move(transport), ends_, policy_->pool, watcher_);
  if (outdated) connection.retire(net::Closed::drain);
  call_ = &connection;
}

void Attempt::send(const http::RequestHead& head) {
  connect_timer_.disarm();
  call_->start(head);
}

void Attempt::wake() {
  // An HTTP/2 connection may have been made before anything was sent on it.
  if (state() != State::connecting) return;
  const bool securing = reached();
  if (securing && policy_->tls && patience_ == Patience::connect) {
    patience_ = Patience::handshake;
    pools_.scheduler().arm_in(connect_timer_, policy_->tls->handshake_timeout);
    return;
  }
  release();
  if (!securing) return fail(Failure::connect_timeout);
  pools_.recorder().tls_failed(telemetry::Direction::outbound, name_of(net::TlsError::timeout));
  fail(Failure::tls_timeout);
}

bool Attempt::reached() const {
  if (connecting_) return connecting_->reached();
  return call_ != nullptr ? call_->reached() : pool_->negotiation().reached();
}

void Attempt::fail(Failure failure) {
  failure_ = failure;
  pools_.scheduler().schedule(watcher_);
}

Attempt::State Attempt::state() const {
  if (failure_ != Failure::none) return State::failed;
  if (connecting_ || waiting()) return State::connecting;
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
  if (waiting()) pool_->stop_waiting(*this);
  if (!connecting_) return;
  connecting_.reset();
  pool_->h1().unreserve();
}

void Attempt::release() {
  stop_connecting();
  if (call_ != nullptr) std::exchange(call_, nullptr)->release();
}

}  // namespace weir::upstream
