// What a response that spares its endpoint does to it: nothing but to make others the better
// choice.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "weir/cluster/cluster.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using resilience::Outcome;
const Instant start{std::chrono::hours{1}};

struct World {
  World() {
    policy::Upstream policy;
    policy.name = "catalog";
    for (std::uint8_t number = 1; number <= 2; ++number) {
      policy.endpoints.emplace_back().address = Address::v4({10, 0, 0, number}, 8080);
    }
    cluster = Cluster::make(policy, {}, 7, start);
  }
  void run(int times) {
    for (int count = 0; count < times; ++count) {
      now += 1ms;
      auto lease = cluster->pick({}, now);
      if (!lease) continue;
      const int number = lease->endpoint().facts.address.host_bytes()[3];
      ++calls[number];
      const auto outcome = outcomes.find(number);
      lease->finish(outcome == outcomes.end() ? Outcome{.status = 200} : outcome->second, 5ms, now);
    }
  }

  std::shared_ptr<Cluster> cluster;
  Instant now = start;
  std::map<int, int> calls;
  std::map<int, Outcome> outcomes;
};

TEST(Blame, a_response_that_spares_its_endpoint_neither_ejects_nor_opens_the_breaker) {
  World world;
  const Outcome spared{.status = 503, .spares_endpoint = true};
  world.outcomes = {{1, spared}, {2, spared}};
  world.run(300);
  EXPECT_EQ(world.calls[1] + world.calls[2], 300);
  const ClusterStatus status = world.cluster->status(world.now);
  EXPECT_EQ(status.ejections, 0U);
  EXPECT_EQ(status.breakers.at(0).openings, 0U);
}

TEST(Blame, calls_go_rather_to_others_than_to_one_that_refuses) {
  World world;
  world.outcomes[1] = {.status = 503, .spares_endpoint = true, .unprocessed = true};
  world.run(300);
  EXPECT_LT(world.calls[1], 60);
}

TEST(Blame, who_refuses_a_probe_stays_out) {
  World world;
  world.outcomes[1] = {.status = 503};
  const auto health = [&world] { return world.cluster->status(world.now).endpoints[0].health; };
  for (int count = 0; count < 60'000 && health() != "ejected"; ++count) world.run(1);
  ASSERT_EQ(health(), "ejected");
  world.outcomes[1] = {.status = 503, .spares_endpoint = true, .unprocessed = true};
  world.now += 2s;
  world.calls.clear();
  world.run(100);
  EXPECT_EQ(world.calls[1], 1);
  EXPECT_EQ(health(), "ejected");
}

TEST(Blame, an_endpoint_that_holds_streams_is_not_silent) {
  World world;
  world.run(100);
  std::vector<Lease> streams;
  for (int count = 0; count < 8; ++count) {
    streams.push_back(std::move(*world.cluster->pick({}, world.now)));
    streams.back().answered(world.now);
  }
  world.now += 4s;
  auto hung = world.cluster->pick({}, world.now);
  ASSERT_TRUE(hung);
  EXPECT_LT(hung->expected(), 100ms);
  world.now += 300ms;
  auto other = world.cluster->pick_second({{}, 0, &hung->endpoint()}, world.now);
  ASSERT_TRUE(other);
  EXPECT_LT(other->expected(), 100ms);
  EXPECT_GE(world.cluster->pick({}, world.now + 1s)->expected(), 1s) << "both wait by now";
}

TEST(Blame, streams_that_begin_show_that_nobody_hangs) {
  World world;
  Bulkhead& bulkhead = world.cluster->bulkhead();
  const Permit held = bulkhead.try_enter();
  const auto begin = world.now;
  for (int count = 0; count < 3; ++count) {
    world.cluster->occupied_until(begin, Occupancy::Look::first, begin + 1s);
  }
  EXPECT_FALSE(bulkhead.try_enter()) << "three calls were given up, and nothing was answered";
  auto stream = world.cluster->pick({}, begin + 2s);
  stream->answered(begin + 2s);
  EXPECT_TRUE(bulkhead.try_enter());
}

}  // namespace
}  // namespace weir::cluster
