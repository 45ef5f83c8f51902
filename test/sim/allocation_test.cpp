// A warm exchange does not touch the heap: counted inside the proxy only, not in the world around.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "support/sim_proxy.h"
#include "support/sim_scope.h"

namespace {

std::size_t allocations = 0;
bool counting = false;

// Where a debugger stops to see who it was.
[[gnu::noinline]] void count_one() { ++allocations; }

}  // namespace

// Replaces the global ones for the whole test program; counts only where this test asks for it.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (counting && weir::sim::running == weir::sim::Whose::proxy) count_one();
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc{};
}
// Used by algorithms that can do without; a sanitizer would otherwise keep its own.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  if (counting && weir::sim::running == weir::sim::Whose::proxy) count_one();
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace weir::sim {
namespace {

using std::chrono::milliseconds;

std::size_t allocations_of(Scene& scene, Client& client, int requests) {
  allocations = 0;
  counting = true;
  for (int i = 0; i < requests; ++i) {
    client.get("/v1/items");
    scene.world.run_for(milliseconds{20});
  }
  counting = false;
  return allocations;
}

TEST(Allocation, a_warm_exchange_makes_none) {
  Scene scene;
  scene.recorder.keep = false;
  auto catalog = upstream("catalog", 3);
  catalog.ejection.enabled = true;
  catalog.breaker.enabled = true;
  scene.apply(service_with(catalog));
  for (const auto& instance : scene.instances) {
    instance->mood.body = 1024;
    instance->mood.idle = std::chrono::seconds{100};
  }
  Client& client = scene.client();
  client.keep_bodies = false;
  allocations_of(scene, client, 200);
  EXPECT_EQ(allocations_of(scene, client, 100), 0U);
  EXPECT_EQ(client.complete(), 300U);
  scene.finish();
}

TEST(Allocation, finding_the_cause_of_a_warm_exchange_makes_none) {
  Scene scene;
  scene.recorder.keep = false;
  auto service = service_with(upstream("catalog", 1));
  service.inbound.emplace();
  service.inbound->application = instance_address(9);
  service.inbound->upstream.endpoints.push_back(endpoint(9));
  scene.apply(service);
  for (const auto& instance : scene.instances) instance->mood.idle = std::chrono::seconds{100};
  Client& user = scene.client(telemetry::Direction::inbound);
  Client& application = scene.client();
  user.keep_bodies = application.keep_bodies = false;
  const std::string fields =
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
      "tracestate: a=1,b=2\r\nx-request-id: r-1\r\nweir-budget-ms: 500\r\n";
  for (int round = 0; round < 300; ++round) {
    if (round == 200) {
      allocations = 0;
      counting = true;
    }
    user.get("/1", fields);
    scene.world.run_for(milliseconds{2});
    application.get("/1", fields);
    scene.world.run_for(milliseconds{20});
  }
  counting = false;
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(user.complete() + application.complete(), 600U);
  scene.finish();
}

}  // namespace
}  // namespace weir::sim
