// One sick instance of several loses its traffic and gets it back by probes.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

policy::Upstream ejecting(std::uint8_t count) {
  auto catalog = upstream("catalog", count);
  catalog.ejection.enabled = true;
  catalog.ejection.ramp = seconds{1};
  catalog.failover.minimum_per_second = 100;
  return catalog;
}

// One request every 10 ms for so long; how many of them were not answered 200.
int load(Scene& scene, Duration duration) {
  int bad = 0;
  const Instant until = scene.world.now() + duration;
  while (scene.world.now() < until) {
    const Response* answer = scene.fetch("/");
    if (answer == nullptr || answer->head.status != 200) ++bad;
    scene.world.run_for(milliseconds{10});
  }
  return bad;
}

TEST(Ejection, an_instance_that_fails_fast_loses_its_traffic_and_gets_it_back) {
  Scene scene;
  scene.apply(service_with(ejecting(3)));
  EXPECT_EQ(load(scene, seconds{1}), 0);
  Instance& sick = scene.instance(2);
  sick.mood.status = 503;
  sick.mood.latency = milliseconds{1};
  EXPECT_EQ(load(scene, seconds{1}), 0);
  const std::size_t before = sick.seen().size();
  EXPECT_EQ(load(scene, seconds{1}), 0);
  EXPECT_LE(sick.seen().size() - before, 4U);

  sick.mood = Mood{};
  EXPECT_EQ(load(scene, seconds{12}), 0);
  const std::size_t well = sick.seen().size();
  EXPECT_EQ(load(scene, seconds{2}), 0);
  EXPECT_GE(sick.seen().size() - well, 20U);
  scene.finish();
}

TEST(Ejection, the_last_instance_is_never_taken_out) {
  Scene scene;
  scene.apply(service_with(ejecting(2)));
  for (const auto& instance : scene.instances) instance->mood.status = 503;
  load(scene, seconds{2});
  const std::size_t before = scene.sightings().size();
  const Response* answer = scene.fetch("/last");
  ASSERT_NE(answer, nullptr);
  EXPECT_GT(scene.sightings().size(), before);
  EXPECT_GE(answer->field("x-instance").size(), 1U);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
