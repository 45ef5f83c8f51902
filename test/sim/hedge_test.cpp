// The second attempt that starts before the first has failed is still the one failover, whatever
// becomes of either.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;

enum class Trouble : std::uint8_t { resets, refuses, first_unreachable };
enum class Fallback : std::uint8_t { none, upstream };

void fail(Scene& scene, Trouble trouble) {
  for (std::uint8_t number = 1; number <= 3; ++number) {
    Instance& instance = scene.instance(number);
    instance.reset_all();
    instance.mood.connect_delay = milliseconds{20};
    if (trouble == Trouble::resets) instance.mood.does = Mood::Does::resets;
    if (trouble == Trouble::refuses) instance.mood.status = 503;
  }
  if (trouble == Trouble::first_unreachable) {
    scene.instance(1).mood.connect = Listening::Answer::black_hole;
  }
  scene.world.run_for(milliseconds{50});
}

void expect_one_failover(Trouble trouble, Fallback fallback) {
  Scene scene;
  auto catalog = upstream("catalog", 3);
  catalog.balance.policy = policy::Balancing::round_robin;
  catalog.failover.hedge = true;
  catalog.connect_timeout = milliseconds{200};
  auto route = route_to("catalog");
  auto other = upstream("other", 1);
  other.endpoints[0] = endpoint(9);
  if (fallback == Fallback::upstream) {
    route.fallback.emplace();
    route.fallback->kind = policy::Fallback::Kind::upstream;
    route.fallback->upstream = "other";
  }
  scene.apply(service_with({catalog, other}, {route}));
  for (int i = 0; i < 60; ++i) scene.fetch("/warm" + std::to_string(i));
  fail(scene, trouble);
  std::size_t hedged = 0;
  for (int i = 0; i < 6; ++i) {
    const std::string path = "/" + std::to_string(i);
    scene.fetch(path);
    const Kept* kept = scene.recorder.of(path);
    ASSERT_NE(kept, nullptr);
    hedged += kept->facts.hedged ? 1U : 0U;
    EXPECT_LE(kept->facts.attempt_count, fallback == Fallback::upstream ? 3 : 2);
    const auto seen = scene.sightings(path);
    const auto first = std::ranges::count_if(seen, [](const auto* one) { return !one->second; });
    EXPECT_LE(first, fallback == Fallback::upstream ? 2 : 1) << "unmarked";
  }
  EXPECT_GT(hedged, 0U);
}

TEST(Hedge, is_the_one_failover_whatever_becomes_of_the_first_attempt) {
  for (const Trouble trouble : {Trouble::resets, Trouble::refuses, Trouble::first_unreachable}) {
    for (const Fallback fallback : {Fallback::none, Fallback::upstream}) {
      SCOPED_TRACE(testing::Message() << "trouble " << static_cast<int>(trouble) << ", fallback "
                                      << static_cast<int>(fallback));
      expect_one_failover(trouble, fallback);
    }
  }
}

}  // namespace
}  // namespace weir::sim
