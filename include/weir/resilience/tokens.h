// Retry tokens: second attempts as a share of first ones, with a small floor (after Finagle's
// RetryBudget). A token is worth one second attempt; it is taken when the attempt starts.
#pragma once

#include "weir/base/time.h"
#include "weir/base/units.h"

namespace weir::resilience {

class RetryTokens {
 public:
  // `ratio` of a token is earned per first attempt and `minimum_per_second` flow in by time; at
  // most what `window` can earn at the floor plus 100 * ratio tokens are kept, at least 1.  It
  // starts full.
  RetryTokens(Ratio ratio, double minimum_per_second, Instant now,
              Duration window = std::chrono::seconds{10});

  void earn();             // a first attempt was started
  bool take(Instant now);  // false: none left
  double available(Instant now);

 private:
  void flow(Instant now);
  double ratio_;
  double per_second_;
  double most_;
  double tokens_;
  Instant flowed_at_;
};

}  // namespace weir::resilience
