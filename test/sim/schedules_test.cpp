// Thousands of random runs, and every single operation of the network failing once.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "support/sim_chaos.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;

std::uint64_t number_in_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// WEIR_SIM_SEED=n WEIR_SIM_RUNS=1 plays the run of a failure again.
TEST(Schedules, invariants_hold_in_every_random_run) {
  const std::uint64_t first = number_in_environment("WEIR_SIM_SEED", 1);
  const std::uint64_t runs = number_in_environment("WEIR_SIM_RUNS", 2000);
  std::uint64_t exchanges = 0;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    SCOPED_TRACE("WEIR_SIM_SEED=" + std::to_string(seed) + " WEIR_SIM_RUNS=1");
    Chaos chaos{seed};
    chaos.play();
    exchanges += chaos.scene().recorder.counted;
    if (HasFailure()) break;
  }
  // Otherwise nothing has been shown.
  EXPECT_GT(exchanges, runs);
}

// A small story in which everything happens: keep-alive, a body, a failover, a pipelined request.
std::uint64_t play_story(std::uint64_t failing) {
  Scene scene{7};
  auto catalog = upstream("catalog", 2);
  catalog.failover.minimum_per_second = 10;
  scene.apply(service_with(catalog));
  scene.instance(1).mood.status = 503;
  scene.instance(2).mood.chunked = true;
  scene.instance(2).mood.body = 3000;
  scene.world.fail_operation(failing);
  Client& client = scene.client();
  client.get("/a");
  scene.world.run_for(milliseconds{50});
  client.get("/b");
  client.post("/c", 5000);
  scene.world.run_for(milliseconds{50});
  client.get("/d", "Connection: close\r\n");
  scene.world.run_for(milliseconds{50});
  scene.finish();
  return scene.world.operations();
}

TEST(Schedules, any_operation_may_fail_without_a_leak_or_a_lost_record) {
  std::uint64_t failing = 0;
  while (failing < play_story(failing) && !HasFailure()) {
    SCOPED_TRACE("operation " + std::to_string(failing));
    ++failing;
  }
  EXPECT_GT(failing, 15U);
}

}  // namespace
}  // namespace weir::sim
