// A limit on concurrency, with a short queue in which nobody waits in vain.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;

TEST(Bulkhead, admits_queues_and_refuses) {
  Scene scene;
  auto catalog = upstream("catalog", 1);
  catalog.bulkhead = {.concurrent = 2, .queue = 1};
  scene.apply(service_with(catalog));
  scene.instance(1).mood.latency = milliseconds{100};
  for (int i = 1; i <= 4; ++i) {
    scene.client().get("/" + std::to_string(i));
    scene.world.run_for(milliseconds{5});
  }
  EXPECT_EQ(scene.cluster().concurrent, 2U);
  EXPECT_EQ(scene.cluster().waiting, 1U);
  const Kept* refused = scene.recorder.of("/4");
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->facts.failure, Failure::bulkhead_full);
  EXPECT_EQ(refused->facts.status, 503);
  scene.world.run_for(milliseconds{300});
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(scene.recorder.of("/" + std::to_string(i))->facts.status, 200);
  }
  EXPECT_TRUE(scene.sightings("/4").empty());
  scene.finish();
}

TEST(Bulkhead, drops_from_the_queue_what_can_no_longer_finish) {
  Scene scene;
  auto catalog = upstream("catalog", 1);
  catalog.bulkhead = {.concurrent = 1, .queue = 4};
  scene.apply(service_with(catalog));
  scene.instance(1).mood.latency = milliseconds{200};
  scene.client().get("/1");
  scene.world.run_for(milliseconds{5});
  scene.client().get("/2", "weir-budget-ms: 50\r\n");
  scene.world.run_for(milliseconds{150});
  const Kept* dropped = scene.recorder.of("/2");
  ASSERT_NE(dropped, nullptr);
  EXPECT_EQ(dropped->facts.failure, Failure::bulkhead_expired);
  EXPECT_LE(dropped->facts.elapsed, milliseconds{52});
  EXPECT_TRUE(scene.sightings("/2").empty());
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
