// When the upstream cannot, something else is said, while there is still time to say it.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;

policy::Service with_fallback(policy::Fallback fallback) {
  auto spare = upstream("spare", 0);
  spare.endpoints.push_back(endpoint(9));
  auto route = route_to("catalog");
  route.fallback = std::move(fallback);
  return service_with({upstream("catalog", 2), spare}, {route});
}

policy::Service with_static_fallback() {
  return with_fallback({.kind = policy::Fallback::Kind::static_response,
                        .status = 200,
                        .body = "[]",
                        .content_type = "application/json",
                        .upstream = {},
                        .version = {}});
}

policy::Service with_spare() {
  policy::Fallback fallback;
  fallback.kind = policy::Fallback::Kind::upstream;
  fallback.upstream = "spare";
  return with_fallback(fallback);
}

TEST(Fallback, a_static_response_stands_in_for_every_failure) {
  for (const auto does : {Mood::Does::hangs, Mood::Does::resets, Mood::Does::babbles}) {
    Scene scene;
    scene.apply(with_static_fallback());
    for (const auto& instance : scene.instances) instance->mood.does = does;
    const Response* answer = scene.fetch("/1", "weir-budget-ms: 200\r\n");
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->head.status, 200);
    EXPECT_EQ(answer->body, "[]");
    EXPECT_TRUE(scene.recorder.of("/1")->facts.fallback);
    EXPECT_LE(scene.recorder.of("/1")->facts.elapsed, milliseconds{200});
    scene.finish();
  }
}

TEST(Fallback, another_upstream_answers_within_the_budget) {
  Scene scene;
  scene.apply(with_spare());
  for (std::uint8_t i = 1; i <= 2; ++i) scene.instance(i).mood.does = Mood::Does::hangs;
  const Response* answer = scene.fetch("/1", "weir-budget-ms: 400\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 200);
  EXPECT_EQ(answer->field("x-instance"), instance_address(9).text());
  const Kept* kept = scene.recorder.of("/1");
  EXPECT_TRUE(kept->facts.fallback);
  EXPECT_EQ(kept->facts.attempt_count, 3);
  EXPECT_EQ(kept->attempt_upstreams[2], "spare");
  EXPECT_LE(kept->facts.elapsed, milliseconds{400});
  scene.finish();
}

TEST(Fallback, a_post_that_may_have_been_processed_is_not_sent_elsewhere) {
  Scene scene;
  scene.apply(with_spare());
  for (std::uint8_t i = 1; i <= 2; ++i) scene.instance(i).mood.does = Mood::Does::resets;
  Client& client = scene.client();
  client.post("/1", 10);
  scene.world.run_for(milliseconds{100});
  EXPECT_EQ(scene.sightings("/1").size(), 1U);
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 502);
  scene.finish();
}

TEST(Fallback, a_refused_connection_leaves_even_a_post_free_to_go) {
  Scene scene;
  scene.apply(with_spare());
  for (std::uint8_t i = 1; i <= 2; ++i) scene.instance(i).mood.connect = Listening::Answer::refuse;
  Client& client = scene.client();
  client.post("/1", 10);
  scene.world.run_for(milliseconds{100});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 200);
  EXPECT_EQ(scene.sightings("/1").at(0)->body, 10U);
  scene.finish();
}

TEST(Fallback, the_callers_own_mistakes_get_none) {
  Scene scene;
  auto service = with_static_fallback();
  service.routes[0].body_limit = Bytes{5};
  scene.apply(service);
  Client& client = scene.client();
  client.post("/1", 10);
  scene.world.run_for(milliseconds{100});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 413);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
