// What nobody could use is counted in seconds: each once, under its reason, with late responses
// apart. Virtual time makes the seconds exact.

#include <gtest/gtest.h>

#include "support/sim_chain.h"
#include "support/sim_proxy.h"
#include "weir/telemetry/metrics.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::Direction;
using telemetry::Unproductive;
using telemetry::Work;

// The process's sums after all that a recorder was told.
telemetry::Totals totals_of(const RecordingRecorder& recorder) {
  telemetry::Metrics metrics{"0"};
  auto& worker = metrics.add_worker();
  for (const Kept& kept : recorder.records) {
    telemetry::Record record = kept.facts;
    record.upstream = kept.upstream;
    worker.record(record);
  }
  return metrics.totals();
}

void expect_total(const RecordingRecorder& recorder, Duration sunk, std::uint64_t late = 0) {
  const telemetry::Totals totals = totals_of(recorder);
  EXPECT_NEAR(totals.unproductive_seconds, weir::seconds(sunk), 1e-9);
  EXPECT_EQ(totals.late_responses, late);
}

void expect_sunk(const telemetry::AttemptRecord& attempt, Unproductive reason, Duration sunk,
                 Work work = Work::cut_short) {
  EXPECT_EQ(attempt.unproductive, reason);
  EXPECT_EQ(attempt.sunk, sunk);
  EXPECT_EQ(attempt.work, work);
}

TEST(Unproductive, is_all_the_time_of_an_attempt_that_was_cut_short) {
  for (const bool leaves : {true, false}) {
    Scene scene;
    scene.apply(service_with(upstream("catalog", 1)));
    scene.instance(1).mood.does = Mood::Does::hangs;
    Client& client = scene.client();
    client.get("/1", "weir-budget-ms: 80\r\n");
    scene.world.run_for(milliseconds{50});
    if (leaves) client.close();
    scene.world.run_for(milliseconds{100});
    const Kept* kept = scene.recorder.of("/1");
    ASSERT_NE(kept, nullptr);
    // The attempt began with the request and ended with the exchange.
    expect_sunk(kept->attempt(0),
                leaves ? Unproductive::caller_gone : Unproductive::deadline_passed,
                kept->facts.elapsed);
    EXPECT_GE(kept->facts.elapsed, milliseconds{leaves ? 49 : 80});
    expect_total(scene.recorder, kept->facts.elapsed);
    scene.finish();
  }
}

TEST(Unproductive, is_counted_by_attempt_each_under_its_own_reason) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 2)));
  for (const auto& instance : scene.instances) instance->mood.does = Mood::Does::hangs;
  Client& client = scene.client();
  client.get("/1", "weir-budget-ms: 300\r\n");
  scene.world.run_for(milliseconds{250});
  client.close();
  scene.world.run_for(milliseconds{10});
  const Kept* kept = scene.recorder.of("/1");
  ASSERT_NE(kept, nullptr);
  ASSERT_EQ(kept->facts.attempt_count, 2);
  EXPECT_EQ(kept->attempt(0).failure, Failure::attempt_timeout);
  expect_sunk(kept->attempt(0), Unproductive::deadline_passed, kept->attempt(0).elapsed);
  expect_sunk(kept->attempt(1), Unproductive::caller_gone, kept->attempt(1).elapsed);
  EXPECT_EQ(kept->attempt(0).sunk + kept->attempt(1).sunk, kept->facts.elapsed);
  expect_total(scene.recorder, kept->facts.elapsed);
  scene.finish();
}

TEST(Unproductive, counts_the_loser_of_a_hedge_once) {
  Scene scene;
  auto catalog = upstream("catalog", 2);
  catalog.balance.policy = policy::Balancing::round_robin;
  catalog.failover.hedge = true;
  scene.apply(service_with(catalog));
  for (int i = 0; i < 40; ++i) scene.fetch("/warm" + std::to_string(i));
  expect_total(scene.recorder, {});
  scene.instance(1).mood.latency = milliseconds{400};
  for (const char* target : {"/1", "/2"}) scene.fetch(target);
  const bool first = scene.recorder.of("/1")->facts.hedged;
  const Kept* kept = scene.recorder.of(first ? "/1" : "/2");
  ASSERT_EQ(kept->facts.attempt_count, 2);
  expect_sunk(kept->attempt(0), Unproductive::hedge_lost, kept->attempt(0).elapsed);
  EXPECT_EQ(kept->attempt(1).unproductive, Unproductive::none);
  expect_total(scene.recorder, kept->attempt(0).elapsed);
  scene.finish();
}

TEST(Unproductive, is_nothing_before_the_request_was_sent) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.connect = Listening::Answer::black_hole;
  scene.fetch("/1", "weir-budget-ms: 50\r\n");
  scene.fetch("/2", "weir-budget-ms: 0\r\n");
  EXPECT_EQ(scene.recorder.of("/1")->facts.failure, Failure::deadline_passed);
  expect_total(scene.recorder, {});
  EXPECT_EQ(totals_of(scene.recorder).expired, 1U);
  scene.finish();
}

TEST(Unproductive, has_a_response_that_nobody_waited_for_apart) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.latency = milliseconds{100};
  Client& client = scene.client();
  client.post("/1", 10);
  scene.world.run_for(milliseconds{50});
  client.close();
  scene.world.run_for(milliseconds{100});
  const Kept* kept = scene.recorder.of("/1");
  ASSERT_NE(kept, nullptr);
  EXPECT_TRUE(scene.sightings("/1").at(0)->answered);
  EXPECT_GE(kept->facts.elapsed, milliseconds{100});
  expect_sunk(kept->attempt(0), Unproductive::caller_gone, kept->facts.elapsed, Work::late);
  expect_total(scene.recorder, kept->facts.elapsed, 1);
  scene.finish();
}

TEST(Unproductive, is_nothing_of_a_stream_that_was_read_until_its_caller_left) {
  for (const bool stream : {true, false}) {
    Scene scene;
    auto service = service_with(upstream("catalog", 1));
    if (stream) service.routes[0].idle = milliseconds{200};
    scene.apply(service);
    Mood& mood = scene.instance(1).mood;
    mood.body = 1000;
    mood.chunked = true;
    mood.pieces = 10;
    mood.pause = milliseconds{50};
    Client& client = scene.client();
    client.get("/1");
    scene.world.run_for(milliseconds{200});
    client.close();
    scene.world.run_for(milliseconds{10});
    const Kept* kept = scene.recorder.of("/1");
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->facts.failure, Failure::caller_gone);
    expect_total(scene.recorder, stream ? Duration{} : kept->facts.elapsed);
    scene.finish();
  }
}

const Kept* record_of(ChainedService& service, Direction direction) {
  for (const Kept& kept : service.recorder.records) {
    if (kept.facts.direction == direction) return &kept;
  }
  return nullptr;
}

// Both weirs see the call between them, each tier waits for the next, and the leaf's own seconds
// are those of the last call.
TEST(Unproductive, nests_in_a_chain_and_its_innermost_is_the_work_of_the_leaf) {
  Chain chain{{.services = 2}};
  chain.leaf().mood.does = Mood::Does::hangs;
  Client& user = chain.user();
  user.get("/1");
  chain.world.run_for(milliseconds{50});
  user.close();
  chain.world.run_for(milliseconds{20});
  const auto calls = chain.leaf_calls("/1");
  ASSERT_EQ(calls.size(), 1U);
  ASSERT_TRUE(calls[0]->cancelled);
  const Duration leaf = *calls[0]->cancelled - calls[0]->at;
  Duration outer = seconds{1};
  for (const std::size_t tier : {0U, 1U}) {
    for (const auto direction : {Direction::inbound, Direction::outbound}) {
      const Kept* kept = record_of(chain.service(tier), direction);
      ASSERT_NE(kept, nullptr);
      expect_sunk(kept->attempt(0), Unproductive::caller_gone, kept->facts.elapsed);
      EXPECT_LE(kept->facts.elapsed, outer + milliseconds{1});
      EXPECT_GE(kept->facts.elapsed, leaf - milliseconds{1});
      outer = kept->facts.elapsed;
      // The application has not noticed: it is weir that cancels its call.
      EXPECT_EQ(kept->facts.cascaded, direction == Direction::outbound);
    }
    const telemetry::Totals totals = totals_of(chain.service(tier).recorder);
    EXPECT_EQ(totals.cascade_cancelled, 1U);
    EXPECT_EQ(totals.cascade_refused, 0U);
  }
  EXPECT_GE(leaf, milliseconds{40});
  EXPECT_LE(outer - leaf, milliseconds{2});
}

TEST(Unproductive, has_the_deadline_as_its_reason_where_the_caller_still_waited) {
  Chain chain{{.services = 1}};
  chain.leaf().mood.does = Mood::Does::hangs;
  Client& user = chain.user();
  user.get("/1", "weir-budget-ms: 100\r\n");
  chain.world.run_for(seconds{1});
  ASSERT_NE(user.answer(), nullptr);
  const Kept* call = record_of(chain.service(0), Direction::outbound);
  expect_sunk(call->attempt(0), Unproductive::deadline_passed, call->facts.elapsed);
  EXPECT_FALSE(call->facts.cascaded);
  // The application was told in time and answered, so that nothing was in vain on its own side.
  expect_total(chain.service(0).recorder, call->facts.elapsed);
}

TEST(Unproductive, is_nothing_of_a_call_that_is_refused_because_its_cause_has_gone) {
  Chain chain{{.services = 1}};
  chain.service(0).habits.before = milliseconds{100};
  Client& user = chain.user();
  user.get("/1");
  chain.world.run_for(milliseconds{50});
  user.close();
  chain.world.run_for(milliseconds{200});
  EXPECT_EQ(chain.service(0).statuses, std::vector<int>{499});
  const Kept* request = record_of(chain.service(0), Direction::inbound);
  expect_total(chain.service(0).recorder, request->facts.elapsed);
  const telemetry::Totals totals = totals_of(chain.service(0).recorder);
  EXPECT_EQ(totals.cascade_cancelled, 0U);
  EXPECT_EQ(totals.cascade_refused, 1U);
}

TEST(Unproductive, coverage_tells_calls_without_a_cause_from_those_nobody_looked_for) {
  using telemetry::CauseSource;
  for (const bool asks : {true, false}) {
    Chain chain{{.services = 1, .copies = Copies::nothing}};
    if (!asks) {
      chain.change(
          [](policy::Service& service) { service.routes[0].correlate = policy::Correlate::off; });
    }
    chain.user().get("/1");
    chain.world.run_for(seconds{1});
    const telemetry::Totals totals = totals_of(chain.service(0).recorder);
    const auto counted = asks ? CauseSource::none : CauseSource::off;
    for (std::size_t source = 0; source < totals.causes.size(); ++source) {
      EXPECT_EQ(totals.causes[source], static_cast<CauseSource>(source) == counted ? 1U : 0U);
    }
  }
}

}  // namespace
}  // namespace weir::sim
