#include "weir/resilience/ejection.h"

#include <algorithm>
#include <cmath>

namespace weir::resilience {
namespace {

constexpr double first_share = 0.1;
constexpr Ratio jitter = percent(20);
constexpr std::uint32_t most_doublings = 16;
// So many calls in a row that ran out of time are one hanging endpoint rather than some callers'
// short budgets: with one short call in ten it happens once in 10^20.
constexpr std::uint32_t unanswered_per_failure = 4;

}  // namespace

std::string_view name_of(Health health) {
  switch (health) {
    case Health::healthy: return "healthy";
    case Health::ejected: return "ejected";
    case Health::probing: return "probing";
    case Health::ramping: return "ramping";
  }
  return "healthy";
}

EndpointHealth::EndpointHealth(const policy::Ejection& policy, Instant now)
    : policy_(policy), window_(policy.window, now), returned_at_(now) {}

EndpointHealth::Verdict EndpointHealth::record(const Call& call, Instant now) {
  using Result = Call::Result;
  if (call.period != period_) return Verdict::keep;
  if (state_ == Health::probing) {
    if (probing_ > 0) --probing_;
    if (call.result != Result::success) return Verdict::probe;
    if (++successes_ >= policy_.probes) enter(Health::ramping, now);
    return Verdict::keep;
  }
  if (!available()) return Verdict::keep;
  if (call.result == Result::unanswered) {
    ++unanswered_;
    const bool hangs = unanswered_ >= policy_.consecutive_failures * unanswered_per_failure;
    return policy_.enabled && hangs ? Verdict::unanswered : Verdict::keep;
  }
  unanswered_ = 0;
  return judge(call, now);
}

EndpointHealth::Verdict EndpointHealth::judge(const Call& call, Instant now) {
  const bool error = call.result == Call::Result::error;
  const bool slow = policy_.slow_call && call.elapsed > *policy_.slow_call;
  failures_ = error ? failures_ + 1 : 0;
  window_.record({.calls = 1, .errors = error ? 1U : 0U, .slow = slow ? 1U : 0U}, now);
  if (!policy_.enabled || (!error && !slow)) return Verdict::keep;
  if (failures_ >= policy_.consecutive_failures) return Verdict::in_a_row;
  const WindowCounts counts = window_.sum(now);
  if (counts.calls < policy_.minimum) return Verdict::keep;
  const auto calls = static_cast<double>(counts.calls);
  const bool failing = error && counts.errors >= policy_.error_rate.value * calls;
  const bool dragging = slow && counts.slow >= policy_.slow_rate.value * calls;
  if (failing) return Verdict::error_rate;
  return dragging ? Verdict::slow_rate : Verdict::keep;
}

void EndpointHealth::abandon(Period period) {
  if (period == period_ && state_ == Health::probing && probing_ > 0) --probing_;
}

void EndpointHealth::eject(Instant now, Random& random) {
  last_time_out_ = time_out(now, random);
  ++ejections_;
  enter(Health::ejected, now);
  until_ = now + last_time_out_;
}

// Ejections are "in a row" until the endpoint has been up for as long as it was out, and a window.
Duration EndpointHealth::time_out(Instant now, Random& random) {
  const bool stayed_up =
      available() && now - returned_at_ > policy_.ramp + policy_.window + last_time_out_;
  in_a_row_ = stayed_up ? 1 : std::min(in_a_row_ + 1, most_doublings);
  Duration out = std::min(policy_.base, policy_.maximum);
  for (std::uint32_t times = 1; times < in_a_row_ && out < policy_.maximum; ++times) out *= 2;
  return std::min(random.jittered(std::min(out, policy_.maximum), jitter), policy_.maximum);
}

void EndpointHealth::reinstate(Instant now) { enter(Health::healthy, now); }

bool EndpointHealth::poll(Instant now) {
  if (state_ != Health::ejected || now < until_) return false;
  enter(Health::probing, now);
  until_ = now;
  return true;
}

bool EndpointHealth::admit_probe() {
  if (state_ != Health::probing || probing_ > 0) return false;
  ++probing_;
  return true;
}

double EndpointHealth::share(Instant now) const {
  if (state_ == Health::healthy) return 1;
  if (state_ != Health::ramping) return 0;
  if (now >= until_) return 1;
  const double left = seconds(until_ - now) / std::max(seconds(policy_.ramp), 1e-9);
  return std::clamp(1 - (1 - first_share) * left, first_share, 1.0);
}

Health EndpointHealth::state(Instant now) const {
  return state_ == Health::ramping && now >= until_ ? Health::healthy : state_;
}

double EndpointHealth::error_rate(Instant now) {
  const WindowCounts counts = window_.sum(now);
  return counts.calls == 0 ? 0 : static_cast<double>(counts.errors) / counts.calls;
}

void EndpointHealth::apply(const policy::Ejection& policy, Instant now) {
  if (policy.window != policy_.window) window_ = SlidingWindow{policy.window, now};
  policy_ = policy;
  if (!policy.enabled && !available()) enter(Health::healthy, now);
}

namespace {

// Twice as many bad ones, or half as many good ones; but where most are bad everywhere, the few
// good ones tell nothing.
bool rate_is_worse(double own, double others) {
  return own >= 2 * others || (others < 0.5 && 1 - own <= (1 - others) / 2);
}

double share_of(std::uint32_t some, std::uint32_t calls) {
  return calls == 0 ? 0 : static_cast<double>(some) / calls;
}

}  // namespace

bool distinctly_worse(EndpointHealth::Verdict why, const WindowCounts& own, std::uint32_t in_a_row,
                      const Peers& peers) {
  using Verdict = EndpointHealth::Verdict;
  const double failing = share_of(peers.recent.errors, peers.recent.calls);
  // At the others' rate, so many in a row would be less likely than one in a hundred.
  constexpr double by_chance = 0.01;
  switch (why) {
    case Verdict::keep: return false;
    case Verdict::probe: return true;
    case Verdict::unanswered: return peers.succeeding;
    case Verdict::in_a_row: return peers.succeeding && std::pow(failing, in_a_row) < by_chance;
    case Verdict::error_rate: return rate_is_worse(share_of(own.errors, own.calls), failing);
    case Verdict::slow_rate:
      return rate_is_worse(share_of(own.slow, own.calls),
                           share_of(peers.recent.slow, peers.recent.calls));
  }
  return true;
}

void EndpointHealth::enter(Health state, Instant now) {
  state_ = state;
  ++period_;
  failures_ = 0;
  unanswered_ = 0;
  successes_ = 0;
  probing_ = 0;
  window_.clear(now);
  if (available()) returned_at_ = now;
  if (state == Health::ramping) until_ = now + policy_.ramp;
}

}  // namespace weir::resilience
