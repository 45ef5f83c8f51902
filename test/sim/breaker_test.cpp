// An upstream that fails is left alone, answered for at once, and tried again carefully.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::BreakerState;
using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;

policy::Upstream breakable() {
  auto catalog = upstream("catalog", 2);
  catalog.failover.enabled = false;
  catalog.breaker.enabled = true;
  catalog.breaker.minimum = 10;
  catalog.breaker.open_for = seconds{1};
  return catalog;
}

TEST(Breaker, opens_answers_at_once_and_closes_after_probes) {
  Scene scene;
  scene.apply(service_with(breakable()));
  for (const auto& instance : scene.instances) instance->mood.status = 500;
  for (int i = 0; i < 10; ++i) scene.fetch("/a" + std::to_string(i));
  EXPECT_EQ(scene.cluster().breakers.at(0).state, BreakerState::open);

  const std::size_t seen = scene.sightings().size();
  const Response* refused = scene.fetch("/refused");
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->head.status, 503);
  EXPECT_EQ(refused->field("weir-failover"), "spent");
  EXPECT_FALSE(refused->field("retry-after").empty());
  EXPECT_EQ(scene.recorder.of("/refused")->facts.failure, Failure::breaker_open);
  EXPECT_EQ(scene.sightings().size(), seen);

  for (const auto& instance : scene.instances) instance->mood.status = 200;
  scene.world.run_for(seconds{2});
  for (int i = 0; i < 3; ++i) {
    const Response* probe = scene.fetch("/b" + std::to_string(i));
    ASSERT_NE(probe, nullptr);
    EXPECT_EQ(probe->head.status, 200);
  }
  EXPECT_EQ(scene.cluster().breakers.at(0).state, BreakerState::closed);
  scene.finish();
}

TEST(Breaker, a_budget_that_was_too_short_blames_nobody) {
  Scene scene;
  scene.apply(service_with(breakable()));
  for (const auto& instance : scene.instances) instance->mood.latency = milliseconds{100};
  for (int i = 0; i < 30; ++i) {
    scene.fetch("/" + std::to_string(i), "weir-budget-ms: 30\r\n");
  }
  EXPECT_EQ(scene.cluster().breakers.at(0).state, BreakerState::closed);
  const Response* answer = scene.fetch("/last");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 200);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
