// Who reads slowly slows the sender, not the proxy's memory.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"
#include "weir/net/channel.h"

namespace weir::sim {
namespace {

using std::chrono::seconds;

constexpr std::size_t huge = 20UL << 20U;
// Both windows, one read ahead, what one pull of it may leave unsent, and the framing.
constexpr std::size_t most_held = 2UL * 64 * 1024 + 3 * net::Channel::largest_buffer;

policy::Service patient() {
  auto service = service_with(upstream("catalog", 1));
  service.outbound->budget.fallback = seconds{30};
  return service;
}

TEST(Backpressure, a_caller_that_stops_reading_stops_the_instance) {
  Scene scene;
  scene.apply(patient());
  Instance& instance = scene.instance(1);
  instance.mood.body = huge;
  instance.mood.pieces = huge / 65536;
  Client& client = scene.client();
  client.keep_bodies = false;
  client.get("/1");
  scene.world.run_until([&] { return client.responses().size() == 1; }, seconds{1});
  client.pause();
  const std::size_t read = client.responses().at(0).size;
  scene.world.run_for(seconds{5});
  EXPECT_EQ(client.responses().at(0).size, read);
  EXPECT_GE(instance.unsent(), huge - read - most_held);
  client.resume();
  scene.world.run_for(seconds{5});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->size, huge);
  EXPECT_TRUE(client.answer()->intact);
  scene.finish();
}

TEST(Backpressure, an_instance_that_stops_reading_stops_the_caller) {
  Scene scene;
  scene.apply(patient());
  Instance& instance = scene.instance(1);
  Client& client = scene.client();
  client.post("/1", huge);
  scene.world.run_until([&] { return !scene.sightings("/1").empty(); }, seconds{1});
  instance.stall();
  const std::size_t read = scene.sightings("/1").at(0)->body;
  scene.world.run_for(seconds{2});
  EXPECT_EQ(scene.sightings("/1").at(0)->body, read);
  EXPECT_GE(client.unsent(), huge - read - most_held);
  instance.go_on();
  scene.world.run_for(seconds{10});
  const auto seen = scene.sightings("/1");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0]->body, huge);
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 200);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
