#include <gtest/gtest.h>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using resilience::Failure;

TEST(Failover, a_request_goes_through) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 3)));
  const Response* answer = scene.fetch("/1");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->head.status, 200);
  EXPECT_EQ(answer->body, body_of(16));
  EXPECT_EQ(scene.sightings("/1").size(), 1U);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
