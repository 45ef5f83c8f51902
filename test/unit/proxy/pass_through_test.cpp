// Upstreams that policy does not name come and go with their use, and never grow without end.

#include "weir/proxy/pass_through.h"

#include <gtest/gtest.h>

#include "../upstream/counting_recorder.h"

namespace weir::proxy {
namespace {

Address address(std::uint8_t last) { return Address::v4({10, 0, 0, last}, 80); }

struct NoConnector final : net::Connector {
  std::unique_ptr<net::Connecting> connect(const net::Target&, net::ConnectEvents&) override {
    return nullptr;
  }
};

struct World {
  Scheduler scheduler{Instant{std::chrono::seconds{1000}}};
  NoConnector connector;
  Random random{1};
  upstream::CountingRecorder recorder;
  upstream::Pools pools{scheduler, connector, random, recorder};
  PassThrough pass_through{pools, {.seed = 1, .sources = {}, .most = 2}};
  Instant now = scheduler.now();
};

TEST(PassThrough, leads_to_the_address_alone_without_a_second_attempt) {
  World world;
  const auto route = world.pass_through.to(address(1), world.now);
  ASSERT_TRUE(route);
  EXPECT_EQ(route->to.upstream->name, "passthrough");
  EXPECT_FALSE(route->fails_over);
  const auto lease = route->to.cluster->pick({}, world.now);
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->endpoint().facts.address, address(1));
  EXPECT_EQ(world.pass_through.to(address(1), world.now), route) << "known from now on";
}

TEST(PassThrough, forgets_what_was_unused_the_longest_and_never_what_is_in_use) {
  World world;
  const auto held = world.pass_through.to(address(1), world.now);
  world.pass_through.to(address(2), world.now);
  const auto third = world.pass_through.to(address(3), world.now);
  ASSERT_TRUE(third);
  EXPECT_EQ(world.pass_through.size(), 2U);
  EXPECT_EQ(world.pass_through.to(address(1), world.now), held);
  EXPECT_FALSE(world.pass_through.to(address(4), world.now)) << "both are in use";
}

TEST(PassThrough, names_the_endpoints_whose_connections_are_kept) {
  World world;
  const auto route = world.pass_through.to(address(1), world.now);
  std::unordered_set<std::uint64_t> ids;
  world.pass_through.keep(ids);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_TRUE(ids.contains(route->to.cluster->endpoint_ids().front()));
}

}  // namespace
}  // namespace weir::proxy
