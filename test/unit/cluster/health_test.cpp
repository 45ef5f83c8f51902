// What health checks say rules who is chosen, beside ejection and never instead of it.

#include <gtest/gtest.h>

#include <set>

#include "weir/cluster/cluster.h"

namespace weir::cluster {
namespace {

using policy::Balancing;
using resilience::Wellness;
using namespace std::chrono_literals;

constexpr Instant start{1h};

class EveryPolicyChecked : public testing::TestWithParam<Balancing> {
 public:
  explicit EveryPolicyChecked(std::vector<std::string> versions = {"", "", ""}) {
    policy.name = "catalog";
    policy.balance.policy = GetParam();
    policy.health.emplace();
    for (std::uint8_t number = 1; number <= versions.size(); ++number) {
      policy.endpoints.push_back(
          {Address::v4({10, 0, 0, number}, 8080), versions[number - 1U], {}, 1.0, {}});
    }
    cluster = Cluster::make(policy, {}, 7, start);
    ids = cluster->endpoint_ids();
  }

  // The last bytes of the addresses that get calls.
  std::set<int> chosen(std::string_view version = {}) {
    std::set<int> numbers;
    for (std::uint64_t hash = 0; hash < 100; ++hash) {
      const auto lease = cluster->pick({.version = version, .hash = hash * 7919}, start);
      if (lease) numbers.insert(lease->endpoint().facts.address.host_bytes()[3]);
    }
    return numbers;
  }
  void say(std::size_t number, Wellness wellness) {
    cluster->report_health(ids[number - 1], wellness);
  }

  policy::Upstream policy;
  std::shared_ptr<Cluster> cluster;
  std::vector<std::uint64_t> ids;
};
INSTANTIATE_TEST_SUITE_P(Balancing, EveryPolicyChecked,
                         testing::Values(Balancing::peak_ewma, Balancing::round_robin,
                                         Balancing::least_requests, Balancing::consistent_hash));

TEST_P(EveryPolicyChecked, gives_no_calls_to_an_unwell_endpoint_until_it_is_well) {
  EXPECT_EQ(chosen(), (std::set{1, 2, 3})) << "nobody has been asked yet";
  say(2, Wellness::unwell);
  say(3, Wellness::well);
  EXPECT_EQ(chosen(), (std::set{1, 3}));
  const ClusterStatus status = cluster->status(start);
  EXPECT_EQ(status.endpoints[0].checked, "");
  EXPECT_EQ(status.endpoints[1].checked, "unwell");
  EXPECT_EQ(status.endpoints[1].health, "healthy") << "it is not ejected";
  EXPECT_EQ(status.endpoints[2].checked, "well");
  EXPECT_EQ(status.ejections, 0U);
  say(2, Wellness::well);
  EXPECT_EQ(chosen(), (std::set{1, 2, 3}));
}

TEST_P(EveryPolicyChecked, a_second_attempt_does_not_go_to_one_that_is_unwell) {
  say(1, Wellness::unwell);
  say(2, Wellness::unwell);
  const auto first = cluster->pick({}, start);
  ASSERT_TRUE(first);
  EXPECT_FALSE(cluster->pick_second({.exclude = &first->endpoint()}, start));
}

TEST_P(EveryPolicyChecked, ignores_the_verdicts_when_nobody_would_be_left) {
  for (const std::size_t number : {1U, 2U, 3U}) say(number, Wellness::unwell);
  EXPECT_EQ(chosen(), (std::set{1, 2, 3}));
  say(1, Wellness::well);
  EXPECT_EQ(chosen(), (std::set{1}));
}

TEST_P(EveryPolicyChecked, never_ejects_the_last_one_that_is_well) {
  policy.breaker.enabled = false;
  cluster->apply(policy, start);
  say(1, Wellness::unwell);
  say(2, Wellness::unwell);
  for (std::uint64_t hash = 0; hash < 50; ++hash) {
    auto lease = cluster->pick({.hash = hash}, start);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->endpoint().id, ids[2]);
    lease->finish({.failure = resilience::Failure::reset_before_response}, 1ms, start);
  }
  EXPECT_EQ(cluster->status(start).ejections, 0U);
}

TEST_P(EveryPolicyChecked, verdicts_live_as_long_as_endpoint_and_checks) {
  say(2, Wellness::unwell);
  policy.endpoints.pop_back();
  cluster->apply(policy, start);
  EXPECT_EQ(chosen(), (std::set{1})) << "a reload keeps what was found out";
  EXPECT_TRUE(cluster->lease_for_check(ids[0]));
  EXPECT_FALSE(cluster->lease_for_check(ids[2])) << "it has left";
  say(3, Wellness::unwell);
  policy.health.reset();
  cluster->apply(policy, start);
  EXPECT_EQ(chosen(), (std::set{1, 2}));
  say(2, Wellness::unwell);
  EXPECT_EQ(chosen(), (std::set{1, 2})) << "too late";
}

TEST_P(EveryPolicyChecked, a_check_is_no_load_and_no_answer) {
  auto lease = cluster->lease_for_check(ids[0]);
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->endpoint().id, ids[0]);
  EXPECT_EQ(cluster->status(start).endpoints[0].outstanding, 0U);
  lease->finish({.failure = resilience::Failure::connect_refused}, 1ms, start);
  EXPECT_EQ(cluster->status(start).endpoints[0].error_rate, 0);
}

class EveryPolicyCheckedVersions : public EveryPolicyChecked {
 public:
  EveryPolicyCheckedVersions() : EveryPolicyChecked({"v1", "v1", "v2"}) {}
};
INSTANTIATE_TEST_SUITE_P(Balancing, EveryPolicyCheckedVersions,
                         testing::Values(Balancing::peak_ewma, Balancing::round_robin,
                                         Balancing::least_requests, Balancing::consistent_hash));

TEST_P(EveryPolicyCheckedVersions, verdicts_are_ignored_only_for_the_version_that_has_nobody) {
  say(1, Wellness::unwell);
  say(3, Wellness::unwell);
  EXPECT_EQ(chosen("v1"), (std::set{2}));
  EXPECT_EQ(chosen("v2"), (std::set{3}));
  EXPECT_EQ(chosen(), (std::set{2})) << "of any version";
}

}  // namespace
}  // namespace weir::cluster
