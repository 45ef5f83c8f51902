// No call lives longer than the time its caller still has.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;

constexpr Duration tick = milliseconds{2};

TEST(Timeouts, a_hanging_upstream_is_given_up_when_the_budget_is_spent) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.does = Mood::Does::hangs;
  const Response* answer = scene.fetch("/1", "weir-budget-ms: 120\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 504);
  const Kept* kept = scene.recorder.of("/1");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->facts.failure, Failure::deadline_passed);
  EXPECT_EQ(kept->facts.budget, milliseconds{120});
  EXPECT_GE(kept->facts.elapsed, milliseconds{120});
  EXPECT_LE(kept->facts.elapsed, milliseconds{120} + tick);
  EXPECT_EQ(kept->facts.unproductive, telemetry::Unproductive::deadline_passed);
  scene.finish();
}

TEST(Timeouts, an_expired_request_is_answered_at_once_and_reaches_nobody) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  const Response* answer = scene.fetch("/1", "weir-budget-ms: 0\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 504);
  EXPECT_EQ(scene.recorder.of("/1")->facts.failure, Failure::expired_on_arrival);
  EXPECT_TRUE(scene.sightings().empty());
  scene.finish();
}

TEST(Timeouts, the_next_hop_is_granted_what_is_left_after_connecting_less_the_margin) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.connect_delay = milliseconds{3};
  scene.fetch("/1", "weir-budget-ms: 300\r\n");
  const auto seen = scene.sightings("/1");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0]->budget, milliseconds{300 - 3 - 5});
  scene.finish();
}

TEST(Timeouts, a_slow_head_eats_the_budget) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  Client& client = scene.client();
  const std::string text = get_text("/1", "weir-budget-ms: 300\r\n");
  client.request(text.substr(0, 20), http::Method::get, "/1");
  scene.world.run_for(milliseconds{100});
  client.send(text.substr(20));
  scene.world.run_for(milliseconds{100});
  ASSERT_NE(client.answer(), nullptr);
  const auto seen = scene.sightings("/1");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_LE(seen[0]->budget, milliseconds{195});
  EXPECT_GE(seen[0]->budget, milliseconds{193});
  scene.finish();
}

TEST(Timeouts, connecting_has_a_limit_of_its_own) {
  Scene scene;
  auto catalog = upstream("catalog", 1);
  catalog.connect_timeout = milliseconds{30};
  scene.apply(service_with(catalog));
  scene.instance(1).mood.connect = Listening::Answer::black_hole;
  const Response* answer = scene.fetch("/1");
  ASSERT_NE(answer, nullptr);
  const Kept* kept = scene.recorder.of("/1");
  EXPECT_EQ(kept->facts.failure, Failure::connect_timeout);
  EXPECT_GE(kept->facts.elapsed, milliseconds{30});
  EXPECT_LE(kept->facts.elapsed, milliseconds{30} + tick);
  EXPECT_EQ(answer->head.status, resilience::facts_of(Failure::connect_timeout).status);
  scene.finish();
}

TEST(Timeouts, a_body_that_dawdles_past_the_deadline_is_cut_off_visibly) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.body = 1000;
  scene.instance(1).mood.pieces = 10;
  scene.instance(1).mood.pause = milliseconds{50};
  EXPECT_EQ(scene.fetch("/1", "weir-budget-ms: 200\r\n"), nullptr);
  EXPECT_TRUE(scene.clients.front()->was_reset());
  EXPECT_EQ(scene.recorder.of("/1")->facts.failure, Failure::deadline_passed);
  scene.world.run_for(milliseconds{1});
  EXPECT_TRUE(scene.sightings("/1").at(0)->cancelled);
  scene.finish();
}

TEST(Timeouts, a_stream_with_an_idle_limit_may_outlive_its_budget_while_bytes_move) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  service.routes[0].idle = milliseconds{100};
  scene.apply(service);
  scene.instance(1).mood.body = 1000;
  scene.instance(1).mood.pieces = 10;
  scene.instance(1).mood.pause = milliseconds{60};
  const Response* answer = scene.fetch("/1", "weir-budget-ms: 200\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->size, 1000U);
  scene.instance(1).mood.pause = milliseconds{300};
  EXPECT_EQ(scene.fetch("/2", "weir-budget-ms: 200\r\n"), nullptr);
  scene.finish();
}

TEST(Timeouts, a_head_that_does_not_come_is_answered_408) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  service.outbound->limits.header_timeout = milliseconds{200};
  scene.apply(service);
  Client& client = scene.client();
  client.request("GET / HT");
  scene.world.run_for(milliseconds{210});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 408);
  EXPECT_EQ(scene.recorder.malformed.at("request_timeout"), 1U);
  EXPECT_EQ(scene.recorder.counted, 0U);
  scene.finish();
}

TEST(Timeouts, a_request_body_that_stalls_is_answered_408) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  service.outbound->limits.body_timeout = milliseconds{100};
  scene.apply(service);
  Client& client = scene.client();
  client.request(post_head("/1", 100) + body_of(50), http::Method::post, "/1");
  scene.world.run_for(milliseconds{150});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 408);
  EXPECT_EQ(scene.recorder.of("/1")->facts.failure, Failure::request_timeout);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
