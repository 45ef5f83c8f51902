#include "support/sim_tree_chaos.h"

#include <algorithm>
#include <utility>

namespace weir::sim {
namespace {

using std::chrono::milliseconds;

// Enough for diamonds, too few for thousands of calls.
constexpr std::size_t most_ways = 8;
constexpr std::size_t most_calls = 3;

// A call from one service to another, unless that makes the tree too large.
void try_call(TreeShape& shape, std::size_t from, std::size_t to) {
  auto& calls = shape.services[from].calls;
  if (calls.size() == most_calls) return;
  calls.push_back(to);
  if (std::ranges::max(ways_to(shape)) > most_ways) calls.pop_back();
}

}  // namespace

std::vector<std::size_t> ways_to(const TreeShape& shape) {
  std::vector<std::size_t> ways(shape.services.size());
  ways[0] = 1;
  for (std::size_t service = 0; service < shape.services.size(); ++service) {
    for (const std::size_t called : shape.services[service].calls) ways[called] += ways[service];
  }
  return ways;
}

TreeChaos::TreeChaos(std::uint64_t seed, std::span<const Copies> copies)
    : random_(seed), tree_(random_shape(random_, seed, copies)) {}

TreeShape TreeChaos::random_shape(Random& random, std::uint64_t seed,
                                  std::span<const Copies> copies) {
  TreeShape shape = random_tree(seed, copies);
  shape.budget = milliseconds{200 + random.below(1000)};
  policy::Upstream& policy = shape.policy;
  policy.protocol =
      random.chance(percent(50)) ? policy::Protocol::http_2 : policy::Protocol::http_1_1;
  // Tokens shall not be what keeps the promises.
  policy.failover.minimum_per_second = 1000;
  policy.failover.hedge = random.chance(percent(25));
  policy.ejection.enabled = random.chance(percent(25));
  policy.ejection.consecutive_failures = 2;
  return shape;
}

TreeShape random_tree(std::uint64_t seed, std::span<const Copies> copies) {
  Random random{seed};
  TreeShape shape{.services = std::vector<TreeService>(2 + random.below(7)),
                  .policy = upstream("", 0),
                  .seed = seed};
  for (std::size_t to = 1; to < shape.services.size(); ++to) {
    // Deep ones as often as broad ones.
    try_call(shape, random.chance(percent(50)) ? to - 1 : random.below(to), to);
  }
  for (std::uint64_t more = random.below(4); more > 0; --more) {
    const std::size_t from = random.below(shape.services.size() - 1);
    try_call(shape, from, from + 1 + random.below(shape.services.size() - 1 - from));
  }
  for (TreeService& service : shape.services) {
    service.order = random.chance(percent(50)) ? Order::parallel : Order::sequential;
    service.copies = copies[random.below(copies.size())];
    service.instances = static_cast<std::uint8_t>(1 + random.below(3));
  }
  return shape;
}

Temper TreeChaos::random_temper() {
  using Does = Temper::Does;
  constexpr std::array bad{Does::answers_first, Does::refuses,   Does::fails,
                           Does::gives_up,      Does::hangs,     Does::dies,
                           Does::dies,          Does::half_head, Does::cuts_off};
  return {.does = chance(30) ? bad.at(random_.below(bad.size())) : Does::answers,
          .before = below(chance(20) ? 300 : 10),
          .life = below(200)};
}

void TreeChaos::random_trouble() {
  using enum Listening::Answer;
  constexpr std::array away{refuse, black_hole, unreachable};
  for (std::size_t service = 0; service < tree_.shape().services.size(); ++service) {
    for (std::size_t number = 0; number < tree_.shape().services[service].instances; ++number) {
      TreeInstance& instance = tree_.instance(service, number);
      instance.temper = random_temper();
      instance.answers = chance(5) ? away.at(random_.below(away.size())) : accept;
      instance.weir.answers = chance(8) ? away.at(random_.below(away.size())) : accept;
    }
  }
}

void TreeChaos::play() {
  World& world = tree_.network.world;
  for (int round = 0; round < 6; ++round) {
    random_trouble();
    for (int i = 0; i < 3; ++i) {
      const auto method = chance(25) ? http::Method::put : http::Method::get;
      User& user = tree_.ask(milliseconds{20 + random_.below(chance(50) ? 300 : 2000)}, method);
      if (chance(25)) world.after(below(300), [this, &user] { tree_.leave(user); });
      world.run_for(below(40));
    }
    world.run_for(below(400));
  }
  tree_.finish();
}

}  // namespace weir::sim
