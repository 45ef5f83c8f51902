// gRPC calls keep every promise in gRPC's own words. Over HTTP/1.1 here, where gRPC differs from
// other calls in nothing but its fields and trailers; frames are tested elsewhere.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using http::Name;
using resilience::Failure;
using resilience::Refusal;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view method = "/shop.Stock/Get";
constexpr std::uint8_t both[] = {1, 2};

policy::Service grpc_service(std::uint8_t instances) {
  auto catalog = upstream("catalog", instances);
  catalog.protocol = policy::Protocol::http_1_1;
  catalog.balance.policy = policy::Balancing::round_robin;
  catalog.failover.minimum_per_second = 100;
  catalog.failover.idempotent_grpc = {std::string{method}};
  return service_with(catalog);
}

// The status stands in a head that is all of the response.
Mood trailers_only(std::string_view status) {
  Mood mood;
  mood.body = 0;
  mood.fields = "content-type: application/grpc\r\ngrpc-status: " + std::string{status} + "\r\n";
  return mood;
}

Mood streams(std::string_view status) {
  Mood mood;
  mood.body = 1000;
  mood.chunked = true;
  mood.fields = "content-type: application/grpc\r\n";
  mood.grpc_status = status;
  return mood;
}

const Response* call(Scene& scene, std::string_view target, std::string fields = {}) {
  Client& client = scene.client();
  fields += "content-type: application/grpc\r\n";
  client.post(target, 10, fields);
  scene.world.run_until([&] { return client.answer() != nullptr || client.over(); }, seconds{60});
  const Response* answer = client.answer();
  if (answer != nullptr) client.close();
  return answer;
}

TEST(Grpc, unavailable_in_a_trailers_only_response_moves_on_for_listed_methods_alone) {
  for (const std::string_view target : {method, std::string_view{"/shop.Stock/Buy"}}) {
    SCOPED_TRACE(target);
    Scene scene;
    scene.apply(grpc_service(2));
    scene.instance(1).mood = trailers_only("14");
    scene.instance(2).mood = trailers_only("0");
    const Response* answer = call(scene, target);
    ASSERT_NE(answer, nullptr);
    const Kept* kept = scene.recorder.of(target);
    const bool listed = target == method;
    EXPECT_EQ(answer->field("grpc-status"), listed ? "0" : "14");
    EXPECT_EQ(kept->facts.failover_refused, listed ? Refusal::none : Refusal::not_idempotent);
    EXPECT_TRUE(kept->facts.grpc);
    EXPECT_EQ(kept->facts.grpc_status, listed ? 0 : 14);
    scene.finish();
  }
}

TEST(Grpc, a_second_attempt_carries_its_mark_and_what_is_left) {
  Scene scene;
  scene.apply(grpc_service(2));
  for (const std::uint8_t sick : both) scene.instance(sick).mood = trailers_only("14");
  const Response* answer = call(scene, method, "grpc-timeout: 500m\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->field("grpc-status"), "14");
  EXPECT_EQ(answer->field("grpc-retry-pushback-ms"), "-1") << "nobody above tries again";
  EXPECT_EQ(answer->field("weir-failover"), "spent");
  auto seen = scene.sightings(method);
  ASSERT_EQ(seen.size(), 2U);
  if (seen[0]->second) std::swap(seen[0], seen[1]);
  EXPECT_EQ(seen[0]->head.fields.find(Name::grpc_previous_rpc_attempts), std::nullopt);
  EXPECT_EQ(seen[1]->head.fields.find(Name::grpc_previous_rpc_attempts), "1");
  const auto told = [](const Sighting* sighting) {
    return resilience::parse_grpc_timeout(
        sighting->head.fields.find(Name::grpc_timeout).value_or(""));
  };
  ASSERT_TRUE(told(seen[0]) && told(seen[1]));
  EXPECT_LE(*told(seen[0]), milliseconds{495});
  EXPECT_GT(*told(seen[0]), milliseconds{480});
  EXPECT_LT(*told(seen[1]), *told(seen[0]));
  EXPECT_EQ(seen[0]->head.fields.find(Name::te), "trailers");
  scene.finish();
}

TEST(Grpc, the_callee_learns_the_budget_also_when_the_caller_said_nothing) {
  Scene scene;
  scene.apply(grpc_service(1));
  scene.instance(1).mood = streams("0");
  ASSERT_NE(call(scene, method), nullptr);
  const auto seen = scene.sightings(method);
  ASSERT_EQ(seen.size(), 1U);
  const auto told =
      resilience::parse_grpc_timeout(seen[0]->head.fields.find(Name::grpc_timeout).value_or(""));
  ASSERT_TRUE(told);
  EXPECT_LE(*told, milliseconds{995});
  EXPECT_GT(*told, milliseconds{980});
  scene.finish();
}

TEST(Grpc, a_stream_that_may_outlive_the_budget_is_limited_only_by_what_its_caller_said) {
  for (const bool said : {false, true}) {
    Scene scene;
    auto service = grpc_service(1);
    service.routes[0].idle = milliseconds{200};
    service.routes[0].budget = milliseconds{300};
    scene.apply(service);
    scene.instance(1).mood = streams("0");
    scene.instance(1).mood.pieces = 20;
    scene.instance(1).mood.pause = milliseconds{100};
    const Response* answer = call(scene, method, said ? "grpc-timeout: 1S\r\n" : "");
    ASSERT_NE(answer, nullptr);
    const auto seen = scene.sightings(method);
    const auto timeout = seen.at(0)->head.fields.find(Name::grpc_timeout);
    EXPECT_EQ(timeout.has_value(), said);
    if (said) {
      EXPECT_GT(*resilience::parse_grpc_timeout(*timeout), milliseconds{900});
    }
    EXPECT_EQ(answer->trailers.find(Name::grpc_status), said ? "4" : "0");
    EXPECT_EQ(scene.recorder.of(method)->facts.failure,
              said ? Failure::deadline_passed : Failure::none);
    scene.finish();
  }
}

TEST(Grpc, trailers_after_a_spent_failover_stop_the_retries_of_the_client) {
  for (const std::string_view status : {"13", "0"}) {
    Scene scene;
    scene.apply(grpc_service(2));
    scene.instance(1).mood = trailers_only("14");
    scene.instance(2).mood = streams(status);
    for (const bool spent : {true, false}) {
      const Response* answer = call(scene, method);
      ASSERT_NE(answer, nullptr);
      EXPECT_EQ(scene.recorder.records.back().facts.attempt_count, spent ? 2 : 1);
      EXPECT_EQ(answer->trailers.find(Name::grpc_status), status);
      EXPECT_EQ(answer->trailers.contains(Name::grpc_retry_pushback_ms), spent && status != "0");
      EXPECT_EQ(answer->trailer, "told");
      scene.instance(1).mood = scene.instance(2).mood;
    }
    EXPECT_EQ(scene.sightings().size(), 3U);
    scene.finish();
  }
}

TEST(Grpc, a_call_that_fails_after_its_head_is_told_so_in_trailers) {
  struct Row {
    const char* name;
    Mood::Does does;
    Duration pause;
    Failure failure;
    std::string_view status;
  };
  const Row rows[] = {
      {"deadline", Mood::Does::answers, milliseconds{50}, Failure::deadline_passed, "4"},
      {"dies", Mood::Does::cuts_off, {}, Failure::reset_mid_response, "14"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Scene scene;
    scene.apply(grpc_service(1));
    Mood mood = streams("0");
    mood.does = row.does;
    mood.pieces = 10;
    mood.pause = row.pause;
    scene.instance(1).mood = mood;
    const Response* answer = call(scene, method, "grpc-timeout: 200m\r\n");
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->head.status, 200);
    EXPECT_TRUE(answer->intact);
    EXPECT_GT(answer->size, 0U);
    EXPECT_LT(answer->size, 1000U);
    EXPECT_EQ(answer->trailers.find(Name::grpc_status), row.status);
    EXPECT_EQ(answer->trailers.find(Name::grpc_message),
              "weir: " + std::string{resilience::name_of(row.failure)});
    const Kept* kept = scene.recorder.of(method);
    EXPECT_EQ(kept->facts.failure, row.failure);
    EXPECT_EQ(kept->attempt(0).failure, row.failure);
    EXPECT_EQ(std::to_string(kept->facts.grpc_status.value_or(0)), row.status);
    scene.finish();
  }
}

TEST(Grpc, a_response_of_known_length_cannot_end_otherwise_and_is_cut) {
  Scene scene;
  scene.apply(grpc_service(1));
  scene.instance(1).mood = streams("0");
  scene.instance(1).mood.chunked = false;
  scene.instance(1).mood.does = Mood::Does::cuts_off;
  EXPECT_EQ(call(scene, method), nullptr);
  EXPECT_TRUE(scene.clients.front()->was_reset());
  EXPECT_EQ(scene.recorder.of(method)->facts.failure, Failure::reset_mid_response);
  scene.finish();
}

// How many of 20 calls it took until the one instance of two was taken out; 0: it was not.
std::uint64_t ejections_by(const Mood& mood, std::string_view fields = {}) {
  Scene scene;
  auto service = grpc_service(2);
  service.upstreams[0].ejection.enabled = true;
  scene.apply(service);
  scene.instance(1).mood = mood;
  scene.instance(2).mood = streams("0");
  for (int times = 0; times < 20; ++times) {
    EXPECT_NE(call(scene, "/shop.Stock/Buy?" + std::to_string(times), std::string{fields}),
              nullptr);
  }
  const auto ejections = scene.cluster().ejections;
  scene.finish();
  return ejections;
}

TEST(Grpc, an_instance_is_judged_by_the_status_wherever_it_stands) {
  EXPECT_EQ(ejections_by(streams("0")), 0U);
  EXPECT_GT(ejections_by(streams("13")), 0U);
  EXPECT_GT(ejections_by(streams("4")), 0U) << "long before its caller's deadline";
  EXPECT_GT(ejections_by(streams("")), 0U) << "without any status";
  EXPECT_GT(ejections_by(trailers_only("2")), 0U);
  EXPECT_EQ(ejections_by(trailers_only("8")), 0U);
  EXPECT_EQ(ejections_by(trailers_only("5")), 0U);
  Mood plain;
  plain.status = 429;
  EXPECT_GT(ejections_by(plain), 0U) << "UNAVAILABLE, by gRPC's mapping";
  plain.status = 404;
  EXPECT_EQ(ejections_by(plain), 0U) << "UNIMPLEMENTED";
}

TEST(Grpc, a_short_budget_blames_nobody) {
  Mood mood = trailers_only("4");
  mood.latency = milliseconds{94};
  EXPECT_EQ(ejections_by(mood, "grpc-timeout: 100m\r\n"), 0U);
}

TEST(Grpc, a_grant_counts_also_from_beyond_the_trust_boundary) {
  Scene scene;
  auto service = grpc_service(1);
  service.outbound->trusted = false;
  scene.apply(service);
  scene.instance(1).mood.does = Mood::Does::hangs;
  const Response* answer = call(scene, method, "grpc-timeout: 100m\r\nweir-budget-ms: 10\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->field("grpc-status"), "4");
  const Kept* kept = scene.recorder.of(method);
  EXPECT_EQ(kept->facts.budget, milliseconds{100});
  EXPECT_EQ(kept->facts.grpc_status, 4);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
