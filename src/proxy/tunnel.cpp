#include "weir/proxy/tunnel.h"

#include <algorithm>
#include <utility>

#include "weir/resilience/failover.h"
#include "weir/upstream/connect_failure.h"

namespace weir::proxy {
namespace {

using resilience::Failure;
using resilience::Refusal;
using telemetry::TunnelEnd;
using RelayState = TunnelRelay::State;

net::Closed reason_of(TunnelEnd end) {
  switch (end) {
    case TunnelEnd::closed: return net::Closed::peer;
    case TunnelEnd::caller_reset:
    case TunnelEnd::upstream_reset:
    case TunnelEnd::not_established: return net::Closed::error;
    case TunnelEnd::idle: return net::Closed::idle;
    case TunnelEnd::age: return net::Closed::limit;
    case TunnelEnd::drain: return net::Closed::drain;
  }
  std::unreachable();
}

}  // namespace

Tunnel::Tunnel(const Services& services, RelaySpace& space, TunnelOwner& owner, Admitted caller,
               TunnelPlan plan)
    : services_(services),
      owner_(owner),
      plan_(std::move(plan)),
      destination_(caller.destination),
      server_name_(std::move(caller.server_name)),
      speaks_tls_(caller.speaks_tls),
      peer_(caller.transport->peer()),
      signal_(services.scheduler.ready()),
      began_(services.scheduler.now()),
      relay_(space, services.scheduler.ready(), signal_) {
  record_.direction = caller.direction;
  relay_.own(std::move(caller.transport));
}

Tunnel::~Tunnel() { let_go(net::Closed::drain); }

void Tunnel::start() {
  services_.recorder.tunnel_started(record_.direction);
  life_ = live();
  life_.start();
}

void Tunnel::drain(Instant latest) { services_.scheduler.arm(drain_timer_, latest); }

std::string_view Tunnel::upstream() const {
  return plan_.route ? std::string_view{plan_.route->to.upstream->name} : std::string_view{};
}

Task Tunnel::live() {
  enter_bulkhead();
  while (waiting_for_permit()) co_await signal_.wait();
  begin_first_attempt();
  while (going_on()) co_await signal_.wait();
  record();
}

void Tunnel::enter_bulkhead() {
  if (!plan_.route) return fail(plan_.nowhere);
  services_.scheduler.arm_in(budget_timer_, plan_.limits.connect_budget);
  cluster::Bulkhead& bulkhead = plan_.route->to.cluster->bulkhead();
  permit_ = bulkhead.try_enter();
  if (permit_) return;
  waiter_.emplace(services_.mailbox, services_.scheduler.ready(), signal_);
  if (!bulkhead.enqueue(*waiter_, budget_timer_.due(), services_.scheduler.now())) {
    waiter_.reset();
    fail(Failure::bulkhead_full);
  }
}

bool Tunnel::left_by_caller() {
  if (relay_.state() != RelayState::caller_broke) return false;
  end(TunnelEnd::caller_reset, Failure::caller_gone);
  return true;
}

bool Tunnel::waiting_for_permit() {
  if (!waiter_) return false;
  if (left_by_caller()) {
    waiter_.reset();
    return false;
  }
  switch (waiter_->state()) {
    case cluster::Waiter::State::granted: permit_ = waiter_->take(); break;
    case cluster::Waiter::State::dropped: fail(Failure::bulkhead_expired); break;
    case cluster::Waiter::State::idle:
    case cluster::Waiter::State::waiting:
      if (!budget_timer_.fired() && !drain_timer_.fired()) return true;
      fail(drain_timer_.fired() ? Failure::draining : Failure::bulkhead_expired);
      break;
  }
  waiter_.reset();
  return false;
}

void Tunnel::begin_first_attempt() {
  if (phase_ == Phase::over) return;
  auto lease = plan_.route->to.cluster->pick(
      {.hash = services_.random.next(), .may_probe = plan_.route->fails_over},
      services_.scheduler.now());
  if (!lease) return fail(lease.error().failure);
  launch(std::move(*lease));
}

void Tunnel::launch(cluster::Lease lease) {
  const Destination& to = plan_.route->to;
  earlier_ = std::move(lease_);
  lease_ = std::move(lease);
  attempt_began_ = services_.scheduler.now();
  phase_ = Phase::connecting;
  patience_ = Patience::connect;
  const policy::Endpoint& facts = lease_.endpoint().facts;
  auto& attempt = record_.attempts[record_.attempt_count++];
  attempt.endpoint = facts.address;
  attempt.version = facts.version;
  const upstream::Ends ends = plan_.ends.value_or(to.ends_towards(facts.address));
  const auto approach = to.approach(ends, plan_.generation);
  upstream::Pool& pool = services_.pools.of(lease_.endpoint(), approach);
  if (!pool.make_room(to.upstream->pool)) {
    end_attempt(Failure::connection_limit);
    return fail(Failure::connection_limit);
  }
  pool.h1().reserve();
  pool_ = &pool;
  net::Target target = pool.target(ends, upstream::Wire::http_1_1);
  target.alpn = net::Alpn::nothing;
  if (speaks_tls_) target.tls = nullptr;
  services_.scheduler.arm_in(attempt_timer_, to.upstream->connect_timeout);
  connecting_ = services_.pools.connector().connect(target, *this);
}

void Tunnel::on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  upstream::count_handshake(services_.recorder, transport.get(), error);
  connected_ = std::move(transport);
  connect_error_ = error;
  services_.scheduler.schedule(signal_);
}

bool Tunnel::going_on() {
  if (phase_ == Phase::connecting) judge_connecting();
  if (phase_ == Phase::relaying) judge_relay();
  if (phase_ == Phase::pausing) judge_pause();
  return phase_ != Phase::over;
}

void Tunnel::judge_connecting() {
  if (left_by_caller()) return;
  if (connected_) return begin_relay();
  Failure failure = Failure::none;
  if (connect_error_ != net::ConnectError::none) {
    failure = upstream::failure_of(connect_error_);
  } else if (attempt_timer_.fired() || budget_timer_.fired()) {
    failure = lose_patience();
  } else if (drain_timer_.fired()) {
    failure = Failure::draining;
  }
  if (failure != Failure::none && (budget_timer_.fired() || !fail_over(failure))) {
    end_attempt(failure);
    fail(failure);
  }
}

// Once connected, the handshake has a limit of its own; the budget covers both.
Failure Tunnel::lose_patience() {
  if (!connecting_ || !connecting_->reached()) return Failure::connect_timeout;
  const auto& tls = plan_.route->to.upstream->tls;
  if (tls && patience_ == Patience::connect && !budget_timer_.fired()) {
    patience_ = Patience::handshake;
    services_.scheduler.arm_in(attempt_timer_, tls->handshake_timeout);
    return Failure::none;
  }
  services_.recorder.tls_failed(telemetry::Direction::outbound, name_of(net::TlsError::timeout));
  return Failure::tls_timeout;
}

void Tunnel::begin_relay() {
  connecting_.reset();
  attempt_timer_.disarm();
  services_.recorder.upstream_opened(upstream());
  record_.attempts[record_.attempt_count - 1U].elapsed = services_.scheduler.now() - attempt_began_;
  services_.scheduler.arm_in(attempt_timer_, probation);
  if (plan_.limits.maximum_age) {
    services_.scheduler.arm(age_timer_, began_ + *plan_.limits.maximum_age);
  }
  phase_ = Phase::relaying;
  relay_.start(std::move(connected_));
  watch_idle();
}

void Tunnel::judge_relay() {
  const bool proven = relay_.bytes_from(TunnelRelay::upstream) > 0 || attempt_timer_.fired();
  if (proven) prove();
  switch (relay_.state()) {
    case RelayState::ended: return end(TunnelEnd::closed, Failure::none);
    case RelayState::caller_broke: return end(TunnelEnd::caller_reset, Failure::caller_gone);
    case RelayState::upstream_broke:
      if (!proven && !relay_.begun()) return begin_pause();
      return end(TunnelEnd::upstream_reset,
                 proven ? Failure::reset_mid_response : Failure::reset_before_response);
    case RelayState::resting:
    case RelayState::moving: break;
  }
  if (drain_timer_.fired()) return end(TunnelEnd::drain, Failure::none);
  if (age_timer_.fired()) return end(TunnelEnd::age, Failure::none);
  if (!idle_timer_.fired()) return;
  quiet_ = idle_mark_ == relay_.progress() ? quiet_ + 1 : 0;
  if (quiet_ == idle_looks) return end(TunnelEnd::idle, Failure::none);
  watch_idle();
}

// Nothing has moved, so another instance can do as well. What breaks one connection rarely breaks
// only that one: the second attempt is the last, and at once it would meet the same trouble.
void Tunnel::begin_pause() {
  const Duration pause = resilience::pause_after(Failure::reset_before_response,
                                                 services_.scheduler.now() - attempt_began_);
  end_attempt(Failure::reset_before_response);
  relay_.give_up_upstream();
  idle_timer_.disarm();
  age_timer_.disarm();
  phase_ = Phase::pausing;
  const bool elsewhere = record_.direction == telemetry::Direction::outbound;
  if (elsewhere && plan_.route->fails_over && record_.attempt_count == 1 &&
      pause > Duration::zero()) {
    services_.scheduler.arm_in(pause_timer_, pause);
  }
}

void Tunnel::judge_pause() {
  if (left_by_caller() || pause_timer_.armed()) return;
  if (fail_over(Failure::reset_before_response)) return;
  end(TunnelEnd::upstream_reset, Failure::reset_before_response);
}

void Tunnel::watch_idle() {
  idle_mark_ = relay_.progress();
  services_.scheduler.arm_in(idle_timer_, plan_.limits.idle / idle_looks);
}

Refusal Tunnel::refusal_of(Failure failure, const cluster::Lease* alternative) const {
  resilience::FailoverQuestion question;
  question.outcome.failure = failure;
  question.bytes_written = false;
  question.already_failed_over = record_.attempt_count > 1;
  question.alternative = alternative != nullptr;
  question.left = std::max(Duration::zero(), budget_timer_.due() - services_.scheduler.now());
  if (alternative != nullptr) {
    question.median = std::min(alternative->latency().median, alternative->expected());
  }
  policy::Failover asked = plan_.route->to.upstream->failover;
  asked.enabled = plan_.route->fails_over;
  return resilience::may_fail_over(question, asked);
}

bool Tunnel::fail_over(Failure failure) {
  cluster::Cluster& cluster = *plan_.route->to.cluster;
  const Instant now = services_.scheduler.now();
  auto lease =
      cluster.pick_second({.hash = services_.random.next(), .exclude = &lease_.endpoint()}, now);
  Refusal refusal = refusal_of(failure, lease ? &*lease : nullptr);
  if (refusal == Refusal::none && !cluster.take_token(now)) refusal = Refusal::no_tokens;
  if (refusal != Refusal::none) {
    record_.failover_refused = refusal;
    return false;
  }
  if (phase_ == Phase::connecting) end_attempt(failure);
  launch(std::move(*lease));
  return true;
}

// The attempt has failed, and nothing of it is left.
void Tunnel::end_attempt(Failure failure) {
  auto& attempt = record_.attempts[record_.attempt_count - 1U];
  attempt.failure = failure;
  attempt.elapsed = services_.scheduler.now() - attempt_began_;
  lease_.finish({.failure = failure}, attempt.elapsed, services_.scheduler.now());
  let_go(net::Closed::error);
}

// The instance has answered, or at least kept the connection for a while.
void Tunnel::prove() {
  lease_.judge({.failure = Failure::none}, record_.attempts[record_.attempt_count - 1U].elapsed,
               services_.scheduler.now());
}

void Tunnel::let_go(net::Closed reason) {
  attempt_timer_.disarm();
  connecting_.reset();
  connected_.reset();
  connect_error_ = net::ConnectError::none;
  if (phase_ == Phase::relaying) services_.recorder.upstream_closed(upstream(), reason);
  if (auto* pool = std::exchange(pool_, nullptr)) pool->h1().unreserve();
}

void Tunnel::fail(Failure failure) { end(TunnelEnd::not_established, failure); }

void Tunnel::end(TunnelEnd how, Failure failure) {
  record_.tunnel = telemetry::TunnelFacts{.destination = destination_, .end = how};
  record_.failure = failure;
  if (lease_) conclude_attempt(failure);
  let_go(reason_of(how));
  if (how != TunnelEnd::closed) relay_.reset();
  phase_ = Phase::over;
}

// Of one that has not failed before.
void Tunnel::conclude_attempt(Failure failure) {
  auto& attempt = record_.attempts[record_.attempt_count - 1U];
  if (phase_ == Phase::connecting) attempt.elapsed = services_.scheduler.now() - attempt_began_;
  if (failure != Failure::reset_mid_response) attempt.failure = failure;
  lease_.finish({.failure = failure}, attempt.elapsed, services_.scheduler.now());
}

void Tunnel::record() {
  record_.elapsed = services_.scheduler.now() - began_;
  record_.started = std::chrono::system_clock::now() - record_.elapsed;
  record_.downstream = peer_;
  record_.authority = server_name_;
  record_.upstream = upstream();
  record_.bytes_received = relay_.bytes_from(TunnelRelay::caller);
  record_.bytes_sent = relay_.bytes_from(TunnelRelay::upstream);
  services_.recorder.record(record_);
  permit_ = {};
  owner_.on_ended(*this, reason_of(record_.tunnel->end));
}

}  // namespace weir::proxy
