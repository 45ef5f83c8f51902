// However bad it gets, second attempts stay a small share of first ones.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Refusal;
using std::chrono::milliseconds;

std::size_t second_attempts(const Scene& scene) {
  return static_cast<std::size_t>(std::ranges::count_if(
      scene.recorder.records, [](const Kept& kept) { return kept.facts.attempt_count > 1; }));
}

TEST(Storms, a_failing_upstream_gets_at_most_a_tenth_more) {
  Scene scene;
  auto catalog = upstream("catalog", 3);
  catalog.failover.minimum_per_second = 0;
  scene.apply(service_with(catalog));
  for (const auto& instance : scene.instances) instance->mood.status = 503;
  Client& client = scene.client();
  for (int i = 0; i < 1000; ++i) client.get("/" + std::to_string(i));
  scene.world.run_for(std::chrono::seconds{20});
  EXPECT_EQ(client.complete(), 1000U);
  // Ten tokens at first (100 * ratio), and one for every ten requests.
  EXPECT_LE(second_attempts(scene), 110U);
  EXPECT_GE(second_attempts(scene), 100U);
  EXPECT_EQ(scene.recorder.records.back().facts.failover_refused, Refusal::no_tokens);
  EXPECT_EQ(scene.sightings().size(), 1000U + second_attempts(scene));
  scene.finish();
}

TEST(Storms, a_mark_from_above_stops_every_second_attempt) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 3)));
  for (const auto& instance : scene.instances) instance->mood.status = 503;
  for (int i = 0; i < 20; ++i) scene.fetch("/" + std::to_string(i), "weir-attempt: 2\r\n");
  EXPECT_EQ(scene.sightings().size(), 20U);
  scene.finish();
}

TEST(Storms, nobody_above_is_invited_to_repeat_what_failed_twice) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 3)));
  for (const auto& instance : scene.instances) instance->mood.status = 503;
  const Response* answer = scene.fetch("/1");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(scene.sightings("/1").size(), 2U);
  EXPECT_EQ(answer->field("weir-failover"), "spent");
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
