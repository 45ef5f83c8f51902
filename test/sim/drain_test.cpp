// Shutting down ends what is idle, finishes what is not, and says when it is done.

#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;

TEST(Drain, waits_for_exchanges_in_progress_and_closes_idle_connections) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  Client& idle = scene.client();
  idle.get("/idle");
  scene.world.run_for(milliseconds{50});
  scene.instance(1).mood.latency = milliseconds{200};
  Client& busy = scene.client();
  busy.get("/busy");
  scene.world.run_for(milliseconds{50});

  Client& crossing = scene.client();
  scene.world.run_for(milliseconds{1});

  bool drained = false;
  scene.worker.drain([&] { drained = true; });
  scene.world.run_for(milliseconds{50});
  // A request that was under way when we began is still served.
  crossing.get("/crossing");
  scene.world.run_for(milliseconds{400});
  for (const Client* client : {&busy, &crossing}) {
    ASSERT_NE(client->answer(), nullptr);
    EXPECT_EQ(client->answer()->head.status, 200);
    EXPECT_FALSE(client->answer()->head.keep_alive);
  }
  EXPECT_FALSE(drained);
  scene.world.run_for(milliseconds{700});
  EXPECT_TRUE(idle.was_ended());
  for (const auto& client : scene.clients) client->close();
  scene.world.run_for(milliseconds{50});
  EXPECT_TRUE(drained);

  Client& late = scene.client();
  late.get("/late");
  scene.world.run_for(milliseconds{50});
  EXPECT_TRUE(late.was_reset());
  expect_invariants(scene);
}

TEST(Drain, is_over_at_once_when_there_is_nothing) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 1)));
  bool drained = false;
  scene.worker.drain([&] { drained = true; });
  EXPECT_FALSE(drained);  // never from within
  scene.world.run_for(milliseconds{1});
  EXPECT_TRUE(drained);
}

}  // namespace
}  // namespace weir::sim
