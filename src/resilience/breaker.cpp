#include "weir/resilience/breaker.h"

#include <algorithm>

namespace weir::resilience {

std::string_view name_of(BreakerState state) {
  switch (state) {
    case BreakerState::closed: return "closed";
    case BreakerState::open: return "open";
    case BreakerState::half_open: return "half_open";
  }
  return "closed";
}

Breaker::Breaker(const policy::Breaker& policy, Instant now)
    : policy_(policy), window_(policy.window, now) {}

std::optional<Breaker::Period> Breaker::admit(Instant now) {
  if (state_ == BreakerState::closed) return period_;
  if (state_ == BreakerState::open) {
    if (now - opened_at_ < policy_.open_for) return std::nullopt;
    enter(BreakerState::half_open, now);
  }
  if (probing_ >= std::max(policy_.probes, 1U)) return std::nullopt;
  ++probing_;
  return period_;
}

std::optional<Breaker::Period> Breaker::period_if_closed() const {
  if (state_ != BreakerState::closed) return std::nullopt;
  return period_;
}

void Breaker::record(Period period, Result result, Instant now) {
  if (period != period_ || !policy_.enabled) return;
  const bool error = result == Result::error;
  if (state_ == BreakerState::half_open) {
    --probing_;
    if (error) return enter(BreakerState::open, now);
    if (++successes_ >= policy_.probes) enter(BreakerState::closed, now);
    return;
  }
  window_.record({.calls = 1, .errors = error ? 1U : 0U, .slow = 0}, now);
  if (!error) return;
  const WindowCounts counts = window_.sum(now);
  if (counts.calls >= policy_.minimum &&
      counts.errors >= policy_.error_rate.value * static_cast<double>(counts.calls)) {
    enter(BreakerState::open, now);
  }
}

void Breaker::abandon(Period period) {
  if (period == period_ && state_ == BreakerState::half_open) --probing_;
}

Duration Breaker::retry_after(Instant now) const {
  switch (state_) {
    case BreakerState::closed: return Duration::zero();
    case BreakerState::open:
      return std::clamp(policy_.open_for - (now - opened_at_), Duration::zero(), policy_.open_for);
    case BreakerState::half_open: break;
  }
  return probing_ < policy_.probes ? Duration::zero() : std::chrono::seconds{1};
}

void Breaker::apply(const policy::Breaker& policy, Instant now) {
  if (policy.window != policy_.window) window_ = SlidingWindow{policy.window, now};
  policy_ = policy;
  if (!policy.enabled && state_ != BreakerState::closed) enter(BreakerState::closed, now);
}

void Breaker::enter(BreakerState state, Instant now) {
  state_ = state;
  ++period_;
  probing_ = 0;
  successes_ = 0;
  window_.clear(now);
  if (state == BreakerState::open) {
    opened_at_ = now;
    ++openings_;
  }
}

}  // namespace weir::resilience
