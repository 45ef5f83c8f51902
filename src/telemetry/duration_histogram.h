// How long things took, counted by buckets that never change.
#pragma once

#include <algorithm>
#include <array>

#include "series_table.h"
#include "weir/base/time.h"

namespace weir::telemetry {

// From half a millisecond, below which a sidecar's own cost dominates, to the usual largest budget.
inline constexpr std::array<double, 15> bucket_bounds{
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

class DurationHistogram {
 public:
  void observe(Duration duration) {
    const auto place = std::ranges::lower_bound(bucket_bounds, seconds(duration));
    counts_[static_cast<std::size_t>(place - bucket_bounds.begin())].add();
    sum_ns_.add(static_cast<std::uint64_t>(std::max(duration, Duration::zero()).count()));
  }
  // Not cumulative; the last one is beyond every bound.
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
  double sum_seconds() const { return static_cast<double>(sum_ns_.value()) / 1e9; }

 private:
  std::array<Count, bucket_bounds.size() + 1> counts_;
  Count sum_ns_;
};

}  // namespace weir::telemetry
