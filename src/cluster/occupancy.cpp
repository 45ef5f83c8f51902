#include "weir/cluster/occupancy.h"

#include <algorithm>

namespace weir::cluster {

void Occupancy::answered(Instant now) {
  answered_at_ = std::max(answered_at_, now);
  gap_ = first_gap;
  given_up_ = 0;
}

Instant Occupancy::until(Instant began, Look look, const resilience::LatencyView& seen,
                         Instant now) {
  const Instant usual = began + (seen.enough() ? seen.p95 : seen.median);
  if (now < usual) return usual;
  if (answered_at_ > began) return now;
  if (look == Look::first) {
    ++given_up_;
    // It may have been a trial.
    next_trial_ = std::max(next_trial_, now + gap_);
  }
  if (now < next_trial_) return std::min(next_trial_, now + between_looks);
  gap_ = std::min(2 * gap_, longest_gap);
  next_trial_ = now + gap_;
  return now;
}

}  // namespace weir::cluster
