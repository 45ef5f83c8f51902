// What the answers to health checks add up to: a verdict that a single odd one does not change.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/random.h"
#include "weir/base/time.h"
#include "weir/policy/upstream.h"

namespace weir::resilience {

enum class Wellness : std::uint8_t { well, unwell };
std::string_view name_of(Wellness wellness);

class HealthVerdict {
 public:
  // Counts one answer. What it says now is none before the first verdict: an endpoint that has not
  // answered often enough yet is neither.
  std::optional<Wellness> record(Wellness answer, const policy::HealthCheck& policy);
  std::optional<Wellness> current() const { return current_; }

 private:
  std::optional<Wellness> current_;
  Wellness last_ = Wellness::well;
  std::uint32_t in_a_row_ = 0;
};

// When the check after one that began at `began` is due, `now` at the earliest. Jittered, so that
// the checks of many endpoints and sidecars do not march in step.
Instant next_check(Instant began, const policy::HealthCheck& policy, Random& random, Instant now);

}  // namespace weir::resilience
