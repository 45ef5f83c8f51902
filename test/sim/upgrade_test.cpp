// After 101 the proxy carries bytes, both ways, until an end of each.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view upgrade =
    "GET /chat HTTP/1.1\r\nHost: catalog\r\nx-id: /chat\r\nConnection: upgrade\r\n"
    "Upgrade: websocket\r\n\r\n";

Scene& begin(Scene& scene, Client*& client) {
  auto service = service_with(upstream("catalog", 1));
  service.outbound->limits.idle_timeout = seconds{2};
  scene.apply(service);
  scene.instance(1).mood.status = 101;
  client = &scene.client();
  client->request(upgrade, http::Method::get, "/chat");
  scene.world.run_for(milliseconds{20});
  return scene;
}

TEST(Upgrade, carries_bytes_past_the_budget_and_ends_with_the_caller) {
  Scene scene;
  Client* client = nullptr;
  begin(scene, client);
  ASSERT_EQ(client->responses().size(), 1U);
  EXPECT_EQ(client->responses()[0].head.status, 101);
  for (int i = 0; i < 5; ++i) {
    client->send("ping");
    scene.world.run_for(seconds{1});
  }
  EXPECT_EQ(client->tunnelled(), "pingpingpingpingping");
  client->end();
  scene.world.run_for(milliseconds{20});
  EXPECT_TRUE(client->was_ended());
  scene.world.run_for(seconds{3});
  EXPECT_EQ(scene.recorder.counted, 1U);
  scene.finish();
}

TEST(Upgrade, an_idle_tunnel_is_closed) {
  Scene scene;
  Client* client = nullptr;
  begin(scene, client);
  scene.world.run_for(seconds{5});
  EXPECT_TRUE(client->over());
  EXPECT_EQ(scene.recorder.counted, 1U);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
