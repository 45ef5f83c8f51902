#include "weir/cluster/cluster.h"

#include <gtest/gtest.h>

#include <map>

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using policy::Balancing;
using resilience::Failure;
using resilience::Outcome;

const Instant start{std::chrono::hours{1}};
const Outcome good{.status = 200};
const Outcome bad{.status = 503};

policy::Endpoint endpoint(int number, std::string version = {}, std::string zone = {}) {
  policy::Endpoint facts;
  facts.address = Address::v4(
      {10, 0, static_cast<std::uint8_t>(number / 250), static_cast<std::uint8_t>(number % 250)},
      8080);
  facts.version = std::move(version);
  facts.zone = std::move(zone);
  return facts;
}

policy::Upstream upstream(int endpoints, Balancing balancing = Balancing::peak_ewma) {
  policy::Upstream policy;
  policy.name = "catalog";
  policy.balance.policy = balancing;
  for (int number = 1; number <= endpoints; ++number) policy.endpoints.push_back(endpoint(number));
  return policy;
}

std::shared_ptr<Cluster> make(const policy::Upstream& policy, std::string zone = {}) {
  return Cluster::make(policy, std::move(zone), 7, start);
}

// One number per endpoint: the last byte of its address.
int number_of(const Lease& lease) { return lease.endpoint().facts.address.host_bytes()[3]; }

struct World {
  std::shared_ptr<Cluster> cluster;
  Instant now = start;
  std::map<int, int> calls{};
  std::map<int, Outcome> outcomes{};
  std::map<int, Duration> latencies{};

  Lease pick(PickRequest request = {}) {
    auto lease = cluster->pick(request, now);
    if (!lease) return {};
    ++calls[number_of(*lease)];
    return std::move(*lease);
  }
  // One call at a time, each an instant after the last.
  void run(int times, PickRequest request = {}) {
    for (int count = 0; count < times; ++count) {
      now += 1ms;
      Lease lease = pick(request);
      if (!lease) continue;
      const int number = number_of(lease);
      const Outcome outcome = outcomes.contains(number) ? outcomes[number] : good;
      lease.finish(outcome, latencies.contains(number) ? latencies[number] : 5ms, now);
    }
  }
  std::string health(std::size_t index) { return cluster->status(now).endpoints[index].health; }
};

class EveryPolicy : public testing::TestWithParam<Balancing> {};
INSTANTIATE_TEST_SUITE_P(Balancing, EveryPolicy,
                         testing::Values(Balancing::peak_ewma, Balancing::round_robin,
                                         Balancing::least_requests, Balancing::consistent_hash));

TEST_P(EveryPolicy, never_gives_the_excluded_instance) {
  for (const int size : {2, 3}) {
    auto cluster = make(upstream(size, GetParam()));
    const Lease first = std::move(*cluster->pick({.hash = 1}, start));
    for (std::uint64_t hash = 0; hash < 50; ++hash) {
      const auto second = cluster->pick_second({.hash = hash, .exclude = &first.endpoint()}, start);
      ASSERT_TRUE(second);
      EXPECT_NE(second->endpoint().id, first.endpoint().id);
    }
  }
}

TEST_P(EveryPolicy, one_instance_has_no_alternative) {
  auto cluster = make(upstream(1, GetParam()));
  const Lease only = std::move(*cluster->pick({}, start));
  const PickRequest again{.exclude = &only.endpoint()};
  const auto refused = cluster->pick_second(again, start);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure, Failure::no_endpoint);
  EXPECT_TRUE(cluster->pick_second({}, start)) << "the keep-alive race may go there again";
}

TEST_P(EveryPolicy, takes_a_failing_instance_out_and_brings_it_back_by_probes) {
  World world{.cluster = make(upstream(3, GetParam()))};
  world.outcomes[2] = bad;
  std::uint64_t calls = 0;
  while (world.health(1) != "ejected" && ++calls < 60'000) world.run(1, {.hash = calls * 7919});
  EXPECT_EQ(world.health(1), "ejected");
  EXPECT_LE(world.calls[2], 8);
  world.outcomes.clear();
  world.calls.clear();
  for (std::uint64_t hash = 0; hash < 20'000; ++hash) world.run(1, {.hash = hash * 7919});
  EXPECT_EQ(world.health(1), "healthy");
  EXPECT_GT(world.calls[2], 2000);
}

TEST_P(EveryPolicy, never_takes_the_last_instance_out) {
  World world{.cluster = make(upstream(2, GetParam()))};
  constexpr resilience::Outcome reset{.failure = Failure::reset_before_response};
  world.outcomes = {{1, reset}, {2, reset}};
  policy::Upstream policy = upstream(2, GetParam());
  policy.breaker.enabled = false;
  world.cluster->apply(policy, start);
  for (std::uint64_t hash = 0; hash < 300; ++hash) world.run(1, {.hash = hash * 7919});
  EXPECT_EQ(world.calls[1] + world.calls[2], 300);
  EXPECT_NE(world.health(0) == "ejected", world.health(1) == "ejected");
}

TEST_P(EveryPolicy, serves_only_the_version_asked_for) {
  policy::Upstream policy = upstream(0, GetParam());
  policy.endpoints = {endpoint(1, "v1"), endpoint(2, "v2"), endpoint(3, "v1")};
  World world{.cluster = make(policy)};
  for (std::uint64_t hash = 0; hash < 100; ++hash) world.run(1, {.version = "v1", .hash = hash});
  EXPECT_EQ(world.calls[2], 0);
  const auto unknown = world.cluster->pick({.version = "v9"}, start);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().failure, Failure::no_endpoint);
}

TEST(Cluster, round_robin_follows_weights) {
  policy::Upstream policy = upstream(3, Balancing::round_robin);
  policy.endpoints[0].weight = 3;
  policy.endpoints[1].weight = 2;
  World world{.cluster = make(policy)};
  world.run(600);
  EXPECT_EQ(world.calls[1], 300);
  EXPECT_EQ(world.calls[2], 200);
  EXPECT_EQ(world.calls[3], 100);
}

TEST(Cluster, draws_follow_weights_when_idle) {
  for (const Balancing balancing : {Balancing::least_requests, Balancing::consistent_hash}) {
    policy::Upstream policy = upstream(3, balancing);
    policy.endpoints[0].weight = 2;
    World world{.cluster = make(policy)};
    for (std::uint64_t hash = 0; hash < 4000; ++hash) world.run(1, {.hash = hash});
    EXPECT_NEAR(world.calls[1], 2000, 500);
    EXPECT_NEAR(world.calls[2], 1000, 400);
  }
}

TEST(Cluster, least_requests_prefers_whoever_holds_fewer) {
  World world{.cluster = make(upstream(2, Balancing::least_requests))};
  std::vector<Lease> held;
  for (int count = 0; count < 100; ++count) held.push_back(world.pick());
  EXPECT_NEAR(world.calls[1], 50, 2);
}

TEST(Cluster, peak_ewma_prefers_the_faster) {
  World world{.cluster = make(upstream(2))};
  world.latencies = {{1, 2ms}, {2, 40ms}};
  world.run(1000);
  EXPECT_GT(world.calls[1], 900);
  EXPECT_GT(world.calls[2], 0);
}

TEST(Cluster, a_fast_failing_instance_attracts_nothing_even_without_ejection) {
  policy::Upstream policy = upstream(3);
  policy.ejection.enabled = false;
  World world{.cluster = make(policy)};
  world.outcomes[2] = bad;
  world.latencies = {{1, 20ms}, {2, 1ms}, {3, 20ms}};
  world.run(2000);
  EXPECT_LT(world.calls[2], 40);
}

TEST(Cluster, an_instance_that_hangs_attracts_nothing_before_the_first_timeout) {
  World world{.cluster = make(upstream(3))};
  world.run(100);
  std::vector<Lease> hanging;
  world.calls.clear();
  for (int count = 0; count < 1000; ++count) {
    world.now += 1ms;
    Lease lease = world.pick();
    if (number_of(lease) == 2) {
      hanging.push_back(std::move(lease));
    } else {
      lease.finish(good, 5ms, world.now);
    }
  }
  EXPECT_LT(world.calls[2], 20);
}

TEST(Cluster, short_budgets_and_local_refusals_blame_nobody) {
  World world{.cluster = make(upstream(2))};
  world.run(100);
  for (const Failure failure : {Failure::deadline_passed, Failure::caller_gone,
                                Failure::stream_refused, Failure::reset_reused_connection}) {
    world.outcomes = {{1, {.failure = failure}}, {2, {.failure = failure}}};
    world.run(100);
  }
  const ClusterStatus status = world.cluster->status(world.now);
  EXPECT_EQ(status.ejections, 0U);
  EXPECT_EQ(status.breakers[0].state, resilience::BreakerState::closed);
  EXPECT_LT(status.endpoints[0].error_rate, 0.01);
}

TEST(Cluster, cut_off_attempts_never_lower_the_latencies_seen) {
  World world{.cluster = make(upstream(1))};
  world.latencies[1] = 100ms;
  world.run(200);
  const auto before = world.cluster->latency(world.now);
  world.outcomes[1] = {.failure = Failure::attempt_timeout};
  world.latencies[1] = 10ms;
  world.run(100);
  world.outcomes[1] = {.failure = Failure::deadline_passed};
  world.run(200);
  EXPECT_GE(world.cluster->latency(world.now).median, before.median);
  world.latencies[1] = 3s;
  world.run(30);
  EXPECT_GT(world.cluster->latency(world.now + 200ms).p99, 2s);
}

TEST(Cluster, the_breaker_is_per_version_and_opens_after_all_of_it_fails) {
  policy::Upstream policy = upstream(0);
  policy.endpoints = {endpoint(1, "v1"), endpoint(2, "v1"), endpoint(3, "v2")};
  World world{.cluster = make(policy)};
  world.outcomes = {{1, bad}, {2, bad}};
  world.run(60, {.version = "v1"});
  const auto refused = world.cluster->pick({.version = "v1"}, world.now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure, Failure::breaker_open);
  EXPECT_GT(refused.error().retry_after, 4s);
  EXPECT_TRUE(world.cluster->pick({.version = "v2"}, world.now));
  world.calls.clear();
  world.run(20);
  EXPECT_EQ(world.calls[3], 20) << "a request of any version goes where the breaker is closed";
  const ClusterStatus status = world.cluster->status(world.now);
  EXPECT_EQ(status.breakers[0].openings, 1U);
  EXPECT_EQ(status.breakers[1].openings, 0U);
}

policy::Upstream two_zones(Balancing balancing) {
  policy::Upstream policy = upstream(0, balancing);
  for (int number = 1; number <= 4; ++number) {
    policy.endpoints.push_back(endpoint(number, "", number <= 2 ? "here" : "there"));
  }
  return policy;
}

TEST(Cluster, keeps_to_its_own_zone_and_spills_over_by_load) {
  World world{.cluster = make(two_zones(Balancing::peak_ewma), "here")};
  world.run(200);
  EXPECT_EQ(world.calls[3] + world.calls[4], 0);
  std::vector<Lease> held;
  for (int count = 0; count < 40; ++count) held.push_back(world.pick());
  EXPECT_GT(world.calls[3] + world.calls[4], 5);
}

TEST(Cluster, spills_over_to_another_zone_when_its_own_is_not_healthy) {
  World world{.cluster = make(two_zones(Balancing::round_robin), "here")};
  world.outcomes[1] = bad;
  world.run(500);
  EXPECT_NEAR(world.calls[3] + world.calls[4], 150, 40) << "half of the zone takes 70 %";
}

TEST(Cluster, a_second_attempt_prefers_another_zone) {
  auto cluster = make(two_zones(Balancing::peak_ewma), "here");
  for (int count = 0; count < 20; ++count) {
    const Lease first = std::move(*cluster->pick({}, start));
    const auto second = cluster->pick_second({.exclude = &first.endpoint()}, start);
    ASSERT_TRUE(second);
    EXPECT_NE(second->endpoint().facts.zone, first.endpoint().facts.zone);
  }
}

std::map<int, int> owners(Cluster& cluster, int keys) {
  std::map<int, int> owner;
  for (int key = 0; key < keys; ++key) {
    owner[key] = number_of(*cluster.pick({.hash = static_cast<std::uint64_t>(key)}, start));
  }
  return owner;
}

TEST(Cluster, hashing_moves_only_the_keys_of_an_instance_that_goes) {
  auto one = make(upstream(10, Balancing::consistent_hash));
  const auto before = owners(*one, 2000);
  auto other_process = Cluster::make(upstream(10, Balancing::consistent_hash), "z", 99, start);
  EXPECT_EQ(owners(*other_process, 2000), before);
  policy::Upstream fewer = upstream(10, Balancing::consistent_hash);
  fewer.endpoints.erase(fewer.endpoints.begin() + 3);
  one->apply(fewer, start);
  for (const auto& [key, owner] : owners(*one, 2000)) {
    EXPECT_TRUE(owner == before.at(key) || before.at(key) == 4) << key;
  }
}

TEST(Cluster, hashing_bounds_what_one_hot_key_puts_on_an_instance) {
  World world{.cluster = make(upstream(4, Balancing::consistent_hash))};
  std::vector<Lease> held;
  for (int count = 0; count < 100; ++count) held.push_back(world.pick({.hash = 5}));
  for (const auto& [number, calls] : world.calls) EXPECT_LE(calls, 37) << number;
}

TEST(Cluster, keeps_what_it_learned_of_unchanged_endpoints_over_a_reload) {
  World world{.cluster = make(upstream(2, Balancing::round_robin))};
  const auto ids = world.cluster->endpoint_ids();
  world.outcomes[2] = bad;
  world.run(100);
  ASSERT_EQ(world.health(1), "ejected");
  world.cluster->apply(upstream(3, Balancing::round_robin), world.now);
  EXPECT_EQ(world.health(1), "ejected");
  const auto now_ids = world.cluster->endpoint_ids();
  EXPECT_EQ(now_ids[0], ids[0]);
  EXPECT_EQ(now_ids[1], ids[1]);
  EXPECT_NE(now_ids[2], ids[1]);
}

TEST(Cluster, an_ejected_instance_serves_again_when_the_others_leave_the_policy) {
  World world{.cluster = make(upstream(2, Balancing::round_robin))};
  world.outcomes[1] = bad;
  world.run(100);
  ASSERT_EQ(world.health(0), "ejected");
  world.cluster->apply(upstream(1), world.now);
  EXPECT_TRUE(world.pick());
}

TEST(Cluster, a_lease_outlives_the_endpoints_place_in_the_policy) {
  auto cluster = make(upstream(2));
  std::vector<Lease> leases;
  for (int count = 0; count < 4; ++count) leases.push_back(std::move(*cluster->pick({}, start)));
  policy::Upstream replaced = upstream(0);
  replaced.endpoints = {endpoint(9)};
  cluster->apply(replaced, start);
  for (Lease& lease : leases) {
    lease.finish(bad, 1ms, start);
    EXPECT_NE(number_of(lease), 9);
  }
  EXPECT_EQ(cluster->status(start).endpoints[0].outstanding, 0U);
  EXPECT_EQ(cluster->status(start).ejections, 0U);
}

TEST(Cluster, new_endpoints_start_slowly_where_policy_asks_for_it) {
  policy::Upstream policy = upstream(2);
  policy.balance.slow_start = 10s;
  World world{.cluster = make(policy)};
  world.run(100);
  policy.endpoints.push_back(endpoint(3));
  world.cluster->apply(policy, world.now);
  world.calls.clear();
  world.run(500);
  EXPECT_LT(world.calls[3], 90);
  EXPECT_GT(world.calls[3], 0);
  world.now += 10s;
  world.calls.clear();
  world.run(600);
  EXPECT_GT(world.calls[3], 120);
}

TEST(Cluster, requests_that_could_not_fail_over_leave_probes_to_others_for_a_while) {
  World world{.cluster = make(upstream(2, Balancing::round_robin))};
  world.outcomes[2] = bad;
  world.run(100);
  ASSERT_EQ(world.health(1), "ejected");
  world.now += world.cluster->status(world.now).endpoints[1].ejected_for;
  world.calls.clear();
  world.run(100, {.may_probe = false});
  EXPECT_EQ(world.calls[2], 0);
  world.run(1);
  EXPECT_EQ(world.calls[2], 1);
}

TEST(Cluster, an_unfinished_lease_is_given_back_and_tells_nothing) {
  auto cluster = make(upstream(1));
  for (int count = 0; count < 50; ++count) Lease lease = std::move(*cluster->pick({}, start));
  const auto status = cluster->status(start);
  EXPECT_EQ(status.endpoints[0].outstanding, 0U);
  EXPECT_EQ(status.endpoints[0].latency, 0ns);
}

TEST(Cluster, first_attempts_earn_the_tokens_of_second_ones) {
  World world{.cluster = make(upstream(2))};
  while (world.cluster->take_token(world.now)) continue;
  EXPECT_FALSE(world.cluster->take_token(world.now));
  world.run(11);
  EXPECT_TRUE(world.cluster->take_token(world.now));
  EXPECT_FALSE(world.cluster->take_token(world.now));
}

}  // namespace
}  // namespace weir::cluster
