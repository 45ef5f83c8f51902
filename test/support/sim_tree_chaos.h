// A random tree and what happens to it, all from one seed.
#pragma once

#include <array>
#include <span>

#include "support/sim_tree.h"

namespace weir::sim {

// Of 2 to 8 services, in good health, with policies as they are by default; each application hands
// on one of `copies`.
TreeShape random_tree(std::uint64_t seed, std::span<const Copies> copies);

class TreeChaos {
 public:
  TreeChaos(std::uint64_t seed, std::span<const Copies> copies);
  // Users come and go while instances fail, and everybody leaves.
  void play();
  Tree& tree() { return tree_; }

 private:
  static TreeShape random_shape(Random& random, std::uint64_t seed, std::span<const Copies> copies);
  void random_trouble();
  Temper random_temper();

  bool chance(double count) { return random_.chance(percent(count)); }
  Duration below(std::uint64_t most_ms) {
    return std::chrono::microseconds{random_.below(most_ms * 1000)};
  }

  Random random_;  // for the plan; the world has its own
  Tree tree_;
};

// How many ways lead to each service from the first one.
std::vector<std::size_t> ways_to(const TreeShape& shape);

}  // namespace weir::sim
