// Seeded pseudo-random numbers (xoshiro256++, Blackman and Vigna 2019): fast, good enough for load
// balancing and jitter, and repeatable from a seed in simulation. Never for secrets.
#pragma once

#include <array>
#include <cstdint>

#include "weir/base/time.h"
#include "weir/base/units.h"

namespace weir {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound); bound 0 gives 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();
  bool chance(Ratio ratio) { return unit() < ratio.value; }
  // Uniform in [duration * (1 - spread), duration * (1 + spread)].
  Duration jittered(Duration duration, Ratio spread);

 private:
  std::array<std::uint64_t, 4> state_{};
};

// A seed from the operating system, for production.
std::uint64_t entropy();

}  // namespace weir
