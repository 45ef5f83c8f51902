// What one endpoint's answers have lately cost: peak-sensitive, decaying, with errors as slowness.
//
// After Finagle's PeakEwma: a slower answer counts at once, faster ones win the estimate back over
// seconds, and an endpoint that is not asked becomes attractive again. An error counts as slow by
// the share of calls that fail: where a call succeeds with probability s, about 1/s tries are
// needed, and the square makes a fast-failing endpoint attract nothing. A fixed penalty per error
// would instead chase all traffic to whichever endpoint has not had its error yet.
#pragma once

#include "weir/base/time.h"

namespace weir::cluster {

class PeakEwma {
 public:
  void answered(Duration latency, Instant now);
  // Failed after `elapsed`; a quick failure is not a quick answer: it counts as `usual` at least.
  void failed(Duration elapsed, Duration usual, Instant now);
  // Was given up after `elapsed` and would have taken longer.
  void outlasted(Duration elapsed, Instant now);

  // Nanoseconds that a call is worth now, above zero; `usual` stands in before the first answer.
  double cost(Duration usual, Instant now) const;
  // Zero before the first answer.
  Duration latency(Instant now) const;

 private:
  void raise(Duration at_least, Instant now);
  void age(Instant now);
  double latency_ns_ = 0;  // as of `updated_at_`
  double failing_ = 0;     // share of calls, as of `updated_at_`
  Instant updated_at_{};
};

}  // namespace weir::cluster
