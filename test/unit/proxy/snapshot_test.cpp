#include "weir/proxy/snapshot.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

TEST(Snapshot, streams_to_the_application_have_the_idle_limit_of_inbound) {
  policy::Service service;
  service.inbound.emplace();
  service.inbound->idle = std::chrono::seconds{60};
  Clusters clusters{1};
  const auto snapshot = clusters.compile(service, Instant{});
  ASSERT_EQ(snapshot->inbound->routes.size(), 1U);
  EXPECT_EQ(snapshot->inbound->routes.front().route->idle, std::chrono::seconds{60});

  service.inbound->idle.reset();
  EXPECT_FALSE(clusters.compile(service, Instant{})->inbound->routes.front().route->idle);
}

}  // namespace
}  // namespace weir::proxy
