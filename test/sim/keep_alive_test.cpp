// Connections are kept, pipelined requests are answered in order, and nothing is read as another's.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(KeepAlive, many_requests_share_one_connection_on_either_side) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  Client& client = scene.client();
  for (int i = 0; i < 20; ++i) {
    client.get("/" + std::to_string(i));
    scene.world.run_for(milliseconds{10});
  }
  EXPECT_EQ(client.complete(), 20U);
  EXPECT_EQ(scene.instance(1).connections_made(), 1U);
  scene.finish();
}

TEST(KeepAlive, pipelined_requests_are_answered_in_order) {
  LinkTraits ragged;
  ragged.ragged = true;
  ragged.window = 1500;
  Scene scene{3, ragged};
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.spread = milliseconds{20};
  Client& client = scene.client();
  for (int i = 0; i < 5; ++i) {
    client.get("/g" + std::to_string(i));
    client.post("/p" + std::to_string(i), 3000);
  }
  scene.world.run_for(seconds{3});
  ASSERT_EQ(client.complete(), 10U);
  std::vector<std::string> order;
  for (const Sighting& sighting : scene.instance(1).seen()) order.push_back(sighting.id);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(client.responses()[i].target, order.at(i));
  scene.finish();
}

TEST(KeepAlive, an_unread_request_body_is_never_taken_for_a_request) {
  Scene scene;
  auto service = service_with(upstream("catalog", 1));
  service.routes[0].body_limit = Bytes{10};
  scene.apply(service);
  Client& client = scene.client();
  const std::string smuggled = get_text("/smuggled");
  client.request(post_head("/1", smuggled.size()), http::Method::post, "/1");
  scene.world.run_for(milliseconds{20});
  client.send(smuggled);
  scene.world.run_for(milliseconds{100});
  ASSERT_EQ(client.complete(), 1U);
  EXPECT_EQ(client.answer()->head.status, 413);
  EXPECT_TRUE(scene.sightings("/smuggled").empty());
  scene.finish();
}

TEST(KeepAlive, an_instance_that_closes_idle_connections_costs_no_request) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 2)));
  for (const auto& instance : scene.instances) instance->mood.idle = milliseconds{20};
  for (int i = 0; i < 200; ++i) {
    // Sometimes just before, sometimes just after the instance has given up.
    scene.world.run_for(milliseconds{19} + std::chrono::microseconds{i * 10});
    const Response* answer = scene.fetch("/" + std::to_string(i));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->head.status, 200);
  }
  scene.finish();
}

TEST(KeepAlive, expect_continue_is_answered_and_interim_responses_pass) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.interim = true;
  Client& client = scene.client();
  client.request(post_head("/1", 100, "Expect: 100-continue\r\n"), http::Method::post, "/1");
  scene.world.run_for(milliseconds{20});
  client.send(body_of(100));
  scene.world.run_for(milliseconds{20});
  ASSERT_NE(client.answer(), nullptr);
  EXPECT_EQ(client.answer()->interim, (std::vector<std::uint16_t>{100, 103}));
  EXPECT_EQ(scene.sightings("/1").at(0)->body, 100U);
  scene.finish();
}

TEST(KeepAlive, trailers_cross) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  scene.instance(1).mood.chunked = true;
  const Response* answer = scene.fetch("/1");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->trailer, "told");
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
