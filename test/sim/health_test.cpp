// Health checks: an instance that says it is unwell gets no calls, and back when it says it is
// well.

#include <gtest/gtest.h>

#include <optional>

#include "support/sim_proxy.h"
#include "weir/proxy/health_checker.h"
#include "weir/upstream/pool.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint8_t instances[] = {1, 2, 3};

// A scene with a checker beside its worker, on connections of its own.
struct Checked {
  explicit Checked(std::uint8_t count) {
    auto catalog = upstream("catalog", count);
    catalog.failover.enabled = false;
    policy::HealthCheck& health = catalog.health.emplace();
    health.path = "/healthz";
    health.interval = seconds{1};
    health.timeout = milliseconds{100};
    health.healthy_after = 2;
    apply(service_with(catalog));
  }

  void apply(const policy::Service& service) {
    scene.apply(service);
    // The worker has its own of the same generation; the clusters are the same.
    checker->apply(scene.clusters.compile(service, scene.world.now()));
  }
  std::size_t asked(std::uint8_t number) { return scene.instance(number).seen().size(); }
  std::string verdict(std::size_t index) { return scene.cluster().endpoints.at(index).checked; }
  void finish() {
    checker.reset();
    pools.close_idle();
    scene.finish();
  }

  Scene scene;
  Random random{1};
  upstream::Pools pools{scene.world.scheduler(), scene.connector, random, scene.recorder};
  std::optional<proxy::HealthChecker> checker{std::in_place, scene.world.scheduler(), pools,
                                              random};
};

TEST(Health, every_endpoint_is_asked_at_once_and_then_at_intervals) {
  Checked checked{3};
  checked.scene.world.run_for(milliseconds{50});
  for (const std::uint8_t number : instances) {
    EXPECT_EQ(checked.asked(number), 1U);
    const Sighting& seen = checked.scene.instance(number).seen().front();
    EXPECT_EQ(seen.head.target, "/healthz");
    EXPECT_EQ(seen.head.authority, "catalog");
    EXPECT_EQ(seen.budget, milliseconds{100});
  }
  checked.scene.world.run_for(seconds{10});
  for (const std::uint8_t number : instances) {
    EXPECT_GE(checked.asked(number), 9U);
    EXPECT_LE(checked.asked(number), 12U);
    EXPECT_EQ(checked.scene.instance(number).connections_made(), 1U) << "over one connection";
  }
  EXPECT_EQ(checked.scene.recorder.counted, 0U) << "checks are no exchanges";
  checked.finish();
}

TEST(Health, an_unwell_instance_loses_its_traffic_and_gets_it_back) {
  struct Row {
    const char* name;
    Listening::Answer connect = Listening::Answer::accept;
    Mood::Does does = Mood::Does::answers;
    std::uint16_t status = 200;
  };
  const Row rows[] = {
      {.name = "503", .status = 503},
      {.name = "hangs", .does = Mood::Does::hangs},
      {.name = "resets", .does = Mood::Does::resets},
      {.name = "cut off", .does = Mood::Does::cuts_off},
      {.name = "refuses", .connect = Listening::Answer::refuse},
      {.name = "black hole", .connect = Listening::Answer::black_hole},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Checked checked{2};
    Scene& scene = checked.scene;
    scene.world.run_for(seconds{3});
    EXPECT_EQ(checked.verdict(1), "well");
    Instance& sick = scene.instance(2);
    sick.mood.connect = row.connect;
    sick.mood.does = row.does;
    sick.mood.status = row.status;
    if (row.connect != Listening::Answer::accept) sick.close_all();
    scene.world.run_for(seconds{4});
    EXPECT_EQ(checked.verdict(0), "well");
    EXPECT_EQ(checked.verdict(1), "unwell");
    for (int times = 0; times < 20; ++times) {
      const Response* answer = scene.fetch("/" + std::to_string(times));
      ASSERT_NE(answer, nullptr);
      EXPECT_EQ(answer->field("x-instance"), scene.instance(1).name());
    }
    sick.mood = {};
    scene.world.run_for(seconds{4});
    EXPECT_EQ(checked.verdict(1), "well");
    EXPECT_EQ(scene.cluster().ejections, 0U);
    checked.finish();
  }
}

TEST(Health, a_connection_that_was_closed_meanwhile_says_nothing) {
  Checked checked{1};
  Scene& scene = checked.scene;
  scene.instance(1).mood.keep_alive = false;
  scene.world.run_for(seconds{10});
  EXPECT_EQ(checked.verdict(0), "well");
  EXPECT_GE(checked.scene.instance(1).connections_made(), 9U);
  checked.finish();
}

TEST(Health, a_reload_keeps_what_is_known_and_ends_what_is_gone) {
  Checked checked{2};
  Scene& scene = checked.scene;
  scene.world.run_for(seconds{3});
  const std::size_t before = checked.asked(1);
  auto service = scene.service();
  service.upstreams[0].endpoints.pop_back();
  service.upstreams[0].health->interval = seconds{3};
  checked.apply(service);
  EXPECT_EQ(checked.checker->size(), 1U);
  const std::size_t gone = checked.asked(2);
  scene.world.run_for(seconds{9});
  EXPECT_EQ(checked.asked(2), gone);
  EXPECT_GE(checked.asked(1), before + 3);
  EXPECT_LE(checked.asked(1), before + 5);
  EXPECT_EQ(checked.verdict(0), "well");
  service.upstreams[0].health.reset();
  checked.apply(service);
  EXPECT_EQ(checked.checker->size(), 0U);
  EXPECT_EQ(checked.verdict(0), "");
  checked.finish();
}

TEST(Health, ends_in_the_middle_of_checks_without_a_trace) {
  for (int steps = 0; steps < 40; ++steps) {
    Checked checked{2};
    checked.scene.instance(2).mood.pieces = 4;
    checked.scene.instance(2).mood.pause = milliseconds{1};
    checked.scene.world.run_for(std::chrono::microseconds{300} * steps);
    checked.finish();
    ASSERT_EQ(checked.pools.connections(), 0U) << steps;
  }
}

}  // namespace
}  // namespace weir::sim
