// Nobody works for a caller that has gone.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;

enum class Leaves : std::uint8_t { closes, resets, half_closes };

void leave(Client& client, Leaves how) {
  switch (how) {
    case Leaves::closes: return client.close();
    case Leaves::resets: return client.reset();
    case Leaves::half_closes: return client.end();
  }
}

TEST(Cancellation, a_safe_request_of_a_caller_that_left_is_cancelled) {
  for (const Leaves how : {Leaves::closes, Leaves::resets, Leaves::half_closes}) {
    Scene scene;
    scene.apply(service_with(upstream("catalog", 1)));
    scene.instance(1).mood.latency = milliseconds{300};
    Client& client = scene.client();
    client.get("/1");
    scene.world.run_for(milliseconds{50});
    leave(client, how);
    scene.world.run_for(milliseconds{5});
    const Kept* kept = scene.recorder.of("/1");
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->facts.failure, Failure::caller_gone);
    EXPECT_EQ(kept->facts.unproductive, telemetry::Unproductive::caller_gone);
    EXPECT_GE(kept->facts.unproductive_time, milliseconds{49});
    EXPECT_TRUE(scene.sightings("/1").at(0)->cancelled);
    scene.finish();
  }
}

TEST(Cancellation, an_unsafe_request_is_finished_by_default) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.latency = milliseconds{100};
  Client& client = scene.client();
  client.post("/1", 10);
  scene.world.run_for(milliseconds{50});
  client.close();
  scene.world.run_for(milliseconds{100});
  EXPECT_TRUE(scene.sightings("/1").at(0)->answered);
  EXPECT_FALSE(scene.sightings("/1").at(0)->cancelled);
  scene.finish();
}

TEST(Cancellation, a_half_closed_caller_gets_the_answer_where_policy_says_finish) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  service.routes[0].on_caller_gone = policy::CallerGone::finish;
  scene.apply(service);
  Client& client = scene.client();
  client.get("/1");
  client.end();
  scene.world.run_for(milliseconds{50});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 200);
  scene.finish();
}

TEST(Cancellation, a_deadline_cancels_the_attempt_in_flight) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.latency = milliseconds{300};
  scene.fetch("/1", "weir-budget-ms: 50\r\n");
  scene.world.run_for(milliseconds{5});
  const auto seen = scene.sightings("/1");
  ASSERT_EQ(seen.size(), 1U);
  ASSERT_TRUE(seen[0]->cancelled);
  EXPECT_LE(*seen[0]->cancelled - seen[0]->at, milliseconds{53});
  scene.finish();
}

// The application is still there, and its client would make of a stream that is cut what it likes.
TEST(Cancellation, a_grpc_call_whose_cause_has_gone_ends_with_cancelled_in_its_trailers) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  service.upstreams[0].protocol = policy::Protocol::http_1_1;
  service.inbound.emplace();
  service.inbound->application = instance_address(9);
  service.inbound->upstream.endpoints.push_back(endpoint(9));
  scene.apply(service);
  scene.instance(9).mood.does = Mood::Does::hangs;
  Mood& mood = scene.instance(1).mood;
  mood.body = 1000;
  mood.chunked = true;
  mood.pieces = 10;
  mood.pause = milliseconds{50};
  mood.fields = "content-type: application/grpc\r\n";
  mood.grpc_status = "0";
  Client& user = scene.client(telemetry::Direction::inbound);
  user.get("/user", "x-request-id: r-1\r\n");
  scene.world.run_for(milliseconds{10});
  Client& application = scene.client();
  application.post("/shop.Stock/Watch", 10,
                   "x-request-id: r-1\r\ncontent-type: application/grpc\r\n");
  scene.world.run_for(milliseconds{100});
  user.close();
  scene.world.run_for(milliseconds{20});
  const Response* answer = application.answer();
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 200);
  EXPECT_TRUE(answer->intact);
  EXPECT_LT(answer->size, 1000U);
  EXPECT_EQ(answer->trailers.find(http::Name::grpc_status), "1");
  EXPECT_EQ(answer->trailers.find(http::Name::grpc_message), "weir: caller_gone");
  EXPECT_TRUE(scene.sightings("/shop.Stock/Watch").at(0)->cancelled);
  const Kept* kept = scene.recorder.of("/shop.Stock/Watch");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->facts.grpc_status, 1);
  EXPECT_TRUE(kept->facts.cascaded);
  EXPECT_EQ(kept->attempt(0).unproductive, telemetry::Unproductive::caller_gone);
  scene.finish();
}

TEST(Cancellation, a_caller_that_leaves_the_queue_is_not_served) {
  Scene scene;
  auto catalog = upstream("catalog", 1);
  catalog.bulkhead.concurrent = 1;
  scene.apply(service_with(catalog));
  scene.instance(1).mood.latency = milliseconds{100};
  scene.client().get("/1");
  Client& waiting = scene.client();
  scene.world.run_for(milliseconds{20});
  waiting.get("/2");
  scene.world.run_for(milliseconds{20});
  EXPECT_EQ(scene.cluster().waiting, 1U);
  waiting.close();
  scene.world.run_for(milliseconds{200});
  EXPECT_TRUE(scene.sightings("/2").empty());
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
