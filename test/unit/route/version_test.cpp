#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "weir/route/table.h"

namespace weir::route {
namespace {

using policy::FieldMatch;
using policy::StickyKey;

const Address client = Address::v4({10, 0, 0, 7}, 40000);

policy::VersionRule rule_to(std::string version) {
  policy::VersionRule rule;
  rule.to = std::move(version);
  return rule;
}

http::RequestHead request_of_user(std::string_view user) {
  http::RequestHead request;
  if (!user.empty()) request.fields.add("x-user-id", user);
  return request;
}

policy::Route canary(std::string upstream, StickyKey sticky) {
  policy::Route route;
  route.to = std::move(upstream);
  policy::VersionRule split;
  split.split = {{"v1", percent(95)}, {"v2", percent(5)}};
  split.sticky = std::move(sticky);
  route.versions = {split};
  return route;
}

policy::Route cohort_of(std::string upstream, Ratio share) {
  policy::Route route;
  route.to = std::move(upstream);
  auto rule = rule_to("v2");
  rule.cohort = share;
  rule.sticky = {StickyKey::Kind::header, "x-user-id"};
  route.versions = {rule, rule_to("v1")};
  return route;
}

TEST(ChooseVersion, tries_the_rules_in_order) {
  policy::Route route;
  auto beta = rule_to("v3");
  beta.when =
      FieldMatch{FieldMatch::Where::header, "x-cohort", {policy::Pattern::Kind::exact, "beta"}};
  auto pinned = rule_to("v2");
  pinned.when = FieldMatch{FieldMatch::Where::cookie, "version", {}};
  route.versions = {beta, pinned};
  Random random{1};
  http::RequestHead request;
  EXPECT_EQ(choose_version(route, request, client, random), "");
  request.fields.add("cookie", "version=2");
  EXPECT_EQ(choose_version(route, request, client, random), "v2");
  request.fields.add("x-cohort", "beta");
  EXPECT_EQ(choose_version(route, request, client, random), "v3");
}

TEST(ChooseVersion, splits_by_weight) {
  for (const auto kind : {StickyKey::Kind::none, StickyKey::Kind::header}) {
    const auto route = canary("catalog", {kind, "x-user-id"});
    Random random{7};
    std::map<std::string_view, int> seen;
    for (int user = 0; user < 20'000; ++user) {
      ++seen[choose_version(route, request_of_user(std::to_string(user)), client, random)];
    }
    EXPECT_EQ(seen["v1"] + seen["v2"], 20'000);
    EXPECT_NEAR(seen["v2"], 1000, 150);
  }
}

TEST(ChooseVersion, keeps_a_user_on_one_version_in_every_process_and_on_every_route) {
  const auto route = canary("catalog", {StickyKey::Kind::header, "x-user-id"});
  auto other_route = route;
  other_route.name = "another route to the same upstream";
  for (int user = 0; user < 1000; ++user) {
    const auto request = request_of_user(std::to_string(user));
    Random here{1};
    Random elsewhere{2};
    EXPECT_EQ(choose_version(route, request, client, here),
              choose_version(other_route, request, client, elsewhere));
  }
  // Fixed for good: a release that moves users between versions breaks what was promised.
  Random random{1};
  std::string drawn;
  for (int user = 0; user < 16; ++user) {
    drawn += choose_version(cohort_of("catalog", percent(50)),
                            request_of_user(std::to_string(user)), client, random)[1];
  }
  EXPECT_EQ(drawn, "2212221211122212");
}

TEST(ChooseVersion, draws_cohorts_of_different_upstreams_independently) {
  const auto catalog = cohort_of("catalog", percent(20));
  const auto prices = cohort_of("prices", percent(20));
  Random random{1};
  int both = 0;
  for (int user = 0; user < 20'000; ++user) {
    const auto request = request_of_user(std::to_string(user));
    both += choose_version(catalog, request, client, random) == "v2" &&
            choose_version(prices, request, client, random) == "v2";
  }
  EXPECT_NEAR(both, 800, 150);
}

TEST(ChooseVersion, keeps_members_when_a_cohort_grows) {
  Random random{1};
  for (int user = 0; user < 2000; ++user) {
    const auto request = request_of_user(std::to_string(user));
    if (choose_version(cohort_of("catalog", percent(5)), request, client, random) == "v2") {
      EXPECT_EQ(choose_version(cohort_of("catalog", percent(10)), request, client, random), "v2");
    }
  }
}

TEST(ChooseVersion, keeps_requests_without_the_key_out_of_cohorts_and_splits_them_by_chance) {
  Random random{1};
  EXPECT_EQ(choose_version(cohort_of("catalog", percent(100)), request_of_user(""), client, random),
            "v1");
  auto route = canary("catalog", {StickyKey::Kind::header, "x-user-id"});
  route.versions[0].split = {{"v1", percent(50)}, {"v2", percent(50)}};
  std::map<std::string_view, int> seen;
  for (int call = 0; call < 1000; ++call) {
    ++seen[choose_version(route, request_of_user(""), client, random)];
  }
  EXPECT_NEAR(seen["v2"], 500, 80);
}

TEST(ChooseVersion, gives_the_last_share_what_rounding_leaves_over) {
  auto route = canary("catalog", {});
  route.versions[0].split = {{"v1", {1e-9}}, {"v2", {1e-9}}, {"v3", {0}}};
  Random random{1};
  EXPECT_EQ(choose_version(route, {}, client, random), "v2");
}

TEST(StickyHash, hashes_a_client_alike_in_both_notations_and_without_its_port) {
  const StickyKey key{StickyKey::Kind::client_address, ""};
  const auto mapped = Address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7}, 1);
  const auto other = Address::v4({10, 0, 0, 8}, 40000);
  EXPECT_TRUE(sticky_hash(key, {}, client).has_value());
  EXPECT_EQ(sticky_hash(key, {}, client), sticky_hash(key, {}, mapped));
  EXPECT_NE(sticky_hash(key, {}, client), sticky_hash(key, {}, other));
  EXPECT_EQ(sticky_hash({StickyKey::Kind::header, "x-user-id"}, {}, client), std::nullopt);
}

TEST(FindCookie, reads_every_cookie_field) {
  http::Fields fields;
  fields.add("Cookie", "a=1; b = \"two\" ;empty=; bare; c=x=y");
  fields.add("cookie", "d=4;a=second");
  const std::pair<std::string_view, std::optional<std::string_view>> cases[] = {
      {"a", "1"},   {"b", "\"two\""}, {"empty", ""},       {"bare", std::nullopt},
      {"c", "x=y"}, {"d", "4"},       {"A", std::nullopt}, {"missing", std::nullopt}};
  for (const auto& [name, value] : cases) EXPECT_EQ(find_cookie(fields, name), value) << name;
}

}  // namespace
}  // namespace weir::route
