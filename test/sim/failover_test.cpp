// A failure is tried once more, elsewhere, or not at all.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using resilience::Refusal;
using std::chrono::milliseconds;

policy::Upstream round_robin(std::uint8_t count) {
  auto catalog = upstream("catalog", count);
  catalog.balance.policy = policy::Balancing::round_robin;
  catalog.failover.minimum_per_second = 100;
  return catalog;
}

struct Trouble {
  const char* name;
  Mood mood;
  bool provably_unprocessed;
};

Mood does(Mood::Does what) {
  Mood mood;
  mood.does = what;
  return mood;
}
Mood says(std::uint16_t status) {
  Mood mood;
  mood.status = status;
  mood.latency = milliseconds{1};
  return mood;
}
Mood connects(Listening::Answer answer) {
  Mood mood;
  mood.connect = answer;
  return mood;
}

const std::vector<Trouble> troubles{
    {"refuses", connects(Listening::Answer::refuse), true},
    {"unreachable", connects(Listening::Answer::unreachable), true},
    {"black hole", connects(Listening::Answer::black_hole), true},
    {"hangs", does(Mood::Does::hangs), false},
    {"resets", does(Mood::Does::resets), false},
    {"closes", does(Mood::Does::closes), false},
    {"half a head", does(Mood::Does::half_head), false},
    {"502", says(502), false},
    {"503", says(503), false},
    {"504", says(504), false},
};

TEST(Failover, saves_every_safe_request_from_one_sick_instance) {
  for (const Trouble& trouble : troubles) {
    SCOPED_TRACE(trouble.name);
    Scene scene;
    scene.apply(service_with(round_robin(3)));
    scene.instance(2).mood = trouble.mood;
    for (int i = 0; i < 6; ++i) {
      const Response* answer = scene.fetch("/" + std::to_string(i));
      ASSERT_NE(answer, nullptr);
      EXPECT_EQ(answer->head.status, 200);
    }
    EXPECT_TRUE(std::ranges::any_of(scene.recorder.records, [](const Kept& kept) {
      return kept.facts.attempt_count == 2 && kept.facts.failure == Failure::none;
    }));
    scene.finish();
  }
}

TEST(Failover, moves_a_post_only_when_it_was_provably_not_processed) {
  for (const Trouble& trouble : troubles) {
    SCOPED_TRACE(trouble.name);
    Scene scene;
    scene.apply(service_with(round_robin(2)));
    scene.instance(1).mood = trouble.mood;
    scene.instance(2).mood = trouble.mood;
    Client& client = scene.client();
    client.post("/1", 100);
    scene.world.run_for(std::chrono::seconds{2});
    const Kept* kept = scene.recorder.of("/1");
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->facts.attempt_count, trouble.provably_unprocessed ? 2 : 1);
    if (!trouble.provably_unprocessed && trouble.mood.does != Mood::Does::hangs) {
      EXPECT_EQ(kept->facts.failover_refused, Refusal::not_idempotent);
    }
    scene.finish();
  }
}

TEST(Failover, repeats_a_post_with_an_idempotency_key_body_and_all) {
  Scene scene;
  scene.apply(service_with(round_robin(2)));
  for (const auto& instance : scene.instances) instance->mood.status = 503;
  Client& client = scene.client();
  client.post("/1", 5000, "Idempotency-Key: 7\r\n");
  scene.world.run_for(milliseconds{100});
  const auto seen = scene.sightings("/1");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0]->instance, seen[1]->instance);
  EXPECT_EQ(seen[0]->body, 5000U);
  EXPECT_EQ(seen[1]->body, 5000U);
  EXPECT_FALSE(seen[0]->second);
  EXPECT_TRUE(seen[1]->second);
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 503);
  EXPECT_EQ(client.answer()->field("weir-failover"), "spent");
  scene.finish();
}

TEST(Failover, is_refused_for_stated_reasons) {
  struct Case {
    const char* name;
    std::uint8_t instances;
    const char* fields;
    const char* told;  // by the instance
    Refusal refusal;
  };
  const std::vector<Case> cases{
      {"one instance", 1, "", "", Refusal::no_alternative},
      {"a retry itself", 3, "weir-attempt: 2\r\n", "", Refusal::retry_mark},
      {"envoy's mark", 3, "x-envoy-attempt-count: 2\r\n", "", Refusal::retry_mark},
      {"spent below", 3, "", "weir-failover: spent\r\n", Refusal::spent_below},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    Scene scene;
    scene.apply(service_with(round_robin(one.instances)));
    for (const auto& instance : scene.instances) {
      instance->mood.status = 503;
      instance->mood.fields = one.told;
    }
    const Response* answer = scene.fetch("/1", one.fields);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->head.status, 503);
    EXPECT_EQ(scene.recorder.of("/1")->facts.attempt_count, 1);
    EXPECT_EQ(scene.recorder.of("/1")->facts.failover_refused, one.refusal);
    scene.finish();
  }
}

TEST(Failover, a_body_beyond_the_replay_limit_is_not_sent_again) {
  Scene scene;
  auto catalog = round_robin(2);
  catalog.failover.replay_limit = Bytes{1000};
  scene.apply(service_with(catalog));
  for (const auto& instance : scene.instances) instance->mood.status = 503;
  Client& client = scene.client();
  client.post("/1", 5000, "Idempotency-Key: 7\r\n");
  scene.world.run_for(milliseconds{100});
  EXPECT_EQ(scene.sightings("/1").size(), 1U);
  EXPECT_EQ(scene.recorder.of("/1")->facts.failover_refused, Refusal::not_replayable);
  scene.finish();
}

TEST(Failover, the_keep_alive_race_on_the_only_instance_gets_a_fresh_connection) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  Client& client = scene.client();
  client.get("/1");
  scene.world.run_for(milliseconds{50});
  // The instance's end and our next request cross on the way.
  client.get("/2");
  scene.world.run_for(std::chrono::microseconds{100});
  scene.instance(1).close_all();
  scene.world.run_for(milliseconds{50});
  ASSERT_NE(client.answer(1), nullptr);
  EXPECT_EQ(client.answer(1)->head.status, 200);
  const Kept* kept = scene.recorder.of("/2");
  ASSERT_EQ(kept->facts.attempt_count, 2);
  EXPECT_EQ(kept->attempt(0).failure, Failure::reset_reused_connection);
  EXPECT_TRUE(kept->attempt(0).reused_connection);
  EXPECT_FALSE(kept->attempt(1).reused_connection);
  EXPECT_EQ(scene.cluster().endpoints.at(0).error_rate, 0);
  scene.finish();
}

TEST(Failover, the_first_attempt_is_given_up_early_enough_for_the_second) {
  Scene scene;
  scene.apply(service_with(round_robin(2)));
  scene.instance(1).mood.does = Mood::Does::hangs;
  for (int i = 0; i < 2; ++i) {
    const Response* answer = scene.fetch("/" + std::to_string(i), "weir-budget-ms: 300\r\n");
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->head.status, 200);
  }
  const auto& records = scene.recorder.records;
  const auto moved = std::ranges::find(
      records, 2, [](const Kept& kept) { return static_cast<int>(kept.facts.attempt_count); });
  ASSERT_NE(moved, records.end());
  EXPECT_EQ(moved->attempt(0).failure, Failure::attempt_timeout);
  EXPECT_GE(moved->attempt(0).elapsed, milliseconds{195});
  EXPECT_LE(moved->attempt(0).elapsed, milliseconds{202});
  scene.finish();
}

TEST(Failover, a_hedge_starts_early_and_the_loser_is_cancelled) {
  Scene scene;
  auto catalog = round_robin(2);
  catalog.failover.hedge = true;
  scene.apply(service_with(catalog));
  for (int i = 0; i < 40; ++i) scene.fetch("/warm" + std::to_string(i));
  scene.instance(1).mood.latency = milliseconds{400};
  scene.fetch("/1");
  scene.fetch("/2");
  const bool first = scene.recorder.of("/1")->facts.hedged;
  const std::string slow = first ? "/1" : "/2";
  const Kept* kept = scene.recorder.of(slow);
  EXPECT_TRUE(kept->facts.hedged);
  EXPECT_LE(kept->facts.elapsed, milliseconds{50});
  EXPECT_EQ(kept->facts.unproductive, telemetry::Unproductive::hedge_lost);
  const auto seen = scene.sightings(slow);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0]->cancelled);
  EXPECT_TRUE(seen[1]->answered);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
