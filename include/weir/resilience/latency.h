// What an upstream's latencies have lately been: a decaying log-linear histogram.
//
// Attempts that were cut off are recorded as at least their cut-off, so that the estimate cannot
// talk itself down by giving up early. Fixed memory, no allocation, O(buckets) per view.
#pragma once

#include <array>
#include <cstdint>

#include "weir/base/time.h"

namespace weir::resilience {

struct LatencyView {
  std::uint32_t samples = 0;  // of the recent past, after decay
  Duration median{};
  Duration p95{};
  Duration p99{};
  bool enough() const { return samples >= 20; }
};

// How much of `budget` a call should have left when it starts, so that what starts also finishes:
// the 99th percentile and an eighth, which is the resolution of what was seen; never more than half
// of the budget, so that a few slow calls do not shut out all others. Too little seen: the median.
Duration time_to_finish(Duration budget, const LatencyView& seen);

class LatencyHistogram {
 public:
  // Halves all weights every `half_life`, lazily when something is recorded or viewed. Workers'
  // clocks may differ by a turn of their loops: `now` may step back a little.
  explicit LatencyHistogram(Duration half_life = std::chrono::seconds{10});

  void record(Duration latency, Instant now);
  // Cached between records: a view is cheap on the request path (recomputed every 64 records
  // or 100 ms, and at every record while there are fewer than 64).
  const LatencyView& view(Instant now);

 private:
  static constexpr std::size_t buckets = 176;  // 16 us to about 67 s, 8 per octave; ends clamp
  void decay(Instant now);
  std::array<float, buckets> weights_{};
  double total_ = 0;
  double weight_ = 1;  // of a sample that is recorded now; samples at the landmark weigh 1
  Duration half_life_;
  Instant landmark_{};
  Instant weighed_at_{};
  LatencyView view_;
  Instant viewed_at_{};
  std::uint32_t since_view_ = 0;
};

}  // namespace weir::resilience
