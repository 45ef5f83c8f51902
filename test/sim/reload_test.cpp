// A new configuration under load loses no request, and old exchanges keep what they began with.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Reload, loses_no_request_under_load) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 2)));
  std::vector<Client*> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(&scene.client());
  for (std::uint8_t round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i]->get("/" + std::to_string(round) + "/" + std::to_string(i));
    }
    scene.world.run_for(milliseconds{3});
    // Endpoints come, go, and change their facts.
    auto next = upstream("catalog", static_cast<std::uint8_t>(1 + round % 4));
    if (round % 3 == 0) next.endpoints[0].zone = "b";
    scene.apply(service_with(next));
    scene.world.run_for(milliseconds{7});
  }
  scene.world.run_for(seconds{1});
  for (const Client* client : clients) {
    ASSERT_EQ(client->complete(), 50U);
    for (const Response& response : client->responses()) EXPECT_EQ(response.head.status, 200);
  }
  scene.finish();
}

TEST(Reload, an_exchange_keeps_the_policy_that_it_began_with) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  scene.apply(service);
  scene.instance(1).mood.latency = milliseconds{300};
  Client& client = scene.client();
  client.get("/old");
  scene.world.run_for(milliseconds{50});
  service.routes[0].budget = milliseconds{100};
  scene.apply(service);
  Client& later = scene.client();
  later.get("/new");
  scene.world.run_for(milliseconds{400});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->head.status, 200);
  ASSERT_NE(later.answer(), nullptr);
  EXPECT_EQ(later.answer()->head.status, 504);
  EXPECT_EQ(scene.recorder.of("/new")->facts.budget, milliseconds{100});
  scene.finish();
}

TEST(Reload, connections_to_endpoints_that_are_gone_are_closed) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 2)));
  for (int i = 0; i < 10; ++i) scene.fetch("/" + std::to_string(i));
  EXPECT_GT(scene.instance(2).connections(), 0U);
  scene.apply(service_with(upstream("catalog", 1)));
  scene.world.run_for(milliseconds{10});
  EXPECT_EQ(scene.instance(2).connections(), 0U);
  EXPECT_GT(scene.instance(1).connections(), 0U);
  scene.finish();
}

TEST(Reload, what_was_learned_of_an_instance_survives) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 2)));
  for (int i = 0; i < 30; ++i) scene.fetch("/" + std::to_string(i));
  const auto before = scene.cluster();
  scene.apply(service_with(upstream("catalog", 2)));
  const auto after = scene.cluster();
  EXPECT_EQ(after.latency.samples, before.latency.samples);
  EXPECT_EQ(after.endpoints.at(0).latency, before.endpoints.at(0).latency);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
