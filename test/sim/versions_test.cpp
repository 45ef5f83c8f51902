// Which version serves whom, and that a failover stays within it.

#include <gtest/gtest.h>

#include <map>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

policy::Service versioned() {
  auto catalog = upstream("catalog", 0);
  for (std::uint8_t i = 1; i <= 4; ++i) {
    catalog.endpoints.push_back(endpoint(i, i <= 2 ? "v1" : "v2"));
  }
  auto service = service_with(catalog);
  policy::VersionRule beta;
  beta.when = policy::FieldMatch{
      policy::FieldMatch::Where::header, "x-cohort", {policy::Pattern::Kind::exact, "beta"}};
  beta.to = "v2";
  policy::VersionRule split;
  split.split = {{"v1", percent(90)}, {"v2", percent(10)}};
  split.sticky = {policy::StickyKey::Kind::header, "x-user"};
  service.routes[0].versions = {beta, split};
  return service;
}

TEST(Versions, a_header_pins_one) {
  Scene scene;
  scene.apply(versioned());
  for (int i = 0; i < 20; ++i) {
    scene.fetch("/" + std::to_string(i), "x-cohort: beta\r\n");
  }
  for (const Kept& kept : scene.recorder.records) EXPECT_EQ(kept.version, "v2");
  EXPECT_EQ(scene.instance(1).seen().size() + scene.instance(2).seen().size(), 0U);
  scene.finish();
}

TEST(Versions, a_user_sticks_and_the_shares_come_out) {
  Scene scene;
  scene.apply(versioned());
  std::map<std::string, int> users;
  for (int i = 0; i < 500; ++i) {
    const std::string field = "x-user: " + std::to_string(i) + "\r\n";
    scene.fetch("/a" + std::to_string(i), field);
    scene.fetch("/b" + std::to_string(i), field);
    const Kept* first = scene.recorder.of("/a" + std::to_string(i));
    EXPECT_EQ(first->version, scene.recorder.of("/b" + std::to_string(i))->version);
    ++users[first->version];
  }
  EXPECT_NEAR(users["v2"], 50, 25);
  scene.finish();
}

TEST(Versions, a_failover_stays_within_the_version) {
  Scene scene;
  scene.apply(versioned());
  scene.instance(3).mood.status = 503;
  scene.instance(4).mood.status = 503;
  const Response* answer = scene.fetch("/1", "x-cohort: beta\r\n");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 503);
  const auto seen = scene.sightings("/1");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0]->instance, seen[1]->instance);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
