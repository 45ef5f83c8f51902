// A random run: policies, moods, callers, faults and reloads, all from one seed.
#pragma once

#include "support/sim_proxy.h"

namespace weir::sim {

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed);
  // Plays it to the end, invariants included.
  void play();
  Scene& scene() { return scene_; }

 private:
  static LinkTraits random_traits(Random& random);
  policy::Upstream random_upstream(std::string name, std::uint8_t first, std::uint8_t count);
  void random_resilience(policy::Upstream& upstream);
  policy::Service random_service();
  Mood random_mood();
  void plan_caller(Instant from);
  void say_something(Client& client);
  void plan_trouble();

  bool chance(double count) { return random_.chance(percent(count)); }
  std::uint64_t from_to(std::uint64_t low, std::uint64_t high) {
    return low + random_.below(high - low + 1);
  }
  Duration between(std::uint64_t low_ms, std::uint64_t high_ms);

  Random random_;  // for the plan; the world has its own
  Scene scene_;
  std::uint64_t requests_ = 0;
};

}  // namespace weir::sim
