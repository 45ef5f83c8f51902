#include "weir/resilience/health_check.h"

#include <algorithm>

namespace weir::resilience {
namespace {

constexpr Ratio jitter = percent(10);

}  // namespace

std::string_view name_of(Wellness wellness) {
  return wellness == Wellness::well ? "well" : "unwell";
}

std::optional<Wellness> HealthVerdict::record(Wellness answer, const policy::HealthCheck& policy) {
  in_a_row_ = answer == last_ ? in_a_row_ + 1 : 1;
  last_ = answer;
  const auto needed = answer == Wellness::well ? policy.healthy_after : policy.unhealthy_after;
  if (in_a_row_ >= needed) current_ = answer;
  return current_;
}

Instant next_check(Instant began, const policy::HealthCheck& policy, Random& random, Instant now) {
  return std::max(began + random.jittered(policy.interval, jitter), now);
}

}  // namespace weir::resilience
