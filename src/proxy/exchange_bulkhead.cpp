// An exchange's place inside the bulkhead: how it gets in, and when it leaves.
#include "weir/proxy/exchange.h"
#include "weir/proxy/held_permits.h"
#include "weir/resilience/latency.h"

namespace weir::proxy {

using resilience::Failure;

void Exchange::enter_bulkhead() {
  cluster::Bulkhead& bulkhead = route_->to.cluster->bulkhead();
  permit_ = bulkhead.try_enter();
  if (permit_) return;
  waiter_.emplace(services_.mailbox, services_.scheduler.ready(), signal_);
  if (!bulkhead.enqueue(*waiter_, latest_start(), services_.scheduler.now())) {
    waiter_.reset();
    fail(Failure::bulkhead_full);
  }
}

Instant Exchange::latest_start() const {
  const auto seen = route_->to.cluster->latency(services_.scheduler.now());
  return attempts_until_.instant() - resilience::time_to_finish(record_.budget, seen);
}

bool Exchange::waiting_for_permit() {
  if (!waiter_) return false;
  judge_circumstances();
  switch (waiter_->state()) {
    case cluster::Waiter::State::granted:
      permit_ = waiter_->take();
      // The queue knows the time only as others have told it.
      if (services_.scheduler.now() <= latest_start()) break;
      permit_ = {};
      [[fallthrough]];
    case cluster::Waiter::State::dropped: fail(Failure::bulkhead_expired); break;
    case cluster::Waiter::State::idle:
    case cluster::Waiter::State::waiting:
      if (failure_ == Failure::none) return true;
      if (failure_ == Failure::deadline_passed) fail(Failure::bulkhead_expired);
      break;
  }
  waiter_.reset();
  return false;
}

// An application goes on with what nobody waits for any more, unless it is one that notices.
void Exchange::give_back_permit() {
  const bool given_up = !chosen_ && processed_ == resilience::Processed::maybe &&
                        (failure_ == Failure::caller_gone || failure_ == Failure::deadline_passed);
  if (permit_ && given_up && listener_.direction == telemetry::Direction::inbound) {
    const Instant began = services_.scheduler.now() - record_.attempts[records_[first]].elapsed;
    services_.held_permits.hold(std::move(permit_), route_->to.cluster, began);
  }
  permit_ = {};
}

}  // namespace weir::proxy
