// A warm exchange does not allocate. operator new is replaced for the whole test program, and
// counts only for the thread and the time that ask for it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "weir/cluster/cluster.h"

namespace {
thread_local std::uint64_t* counted = nullptr;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (counted != nullptr) ++*counted;
  if (void* block = std::malloc(size)) return block;
  throw std::bad_alloc{};
}
// Used by algorithms that can do without; a sanitizer would otherwise keep its own.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  if (counted != nullptr) ++*counted;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using policy::Balancing;

TEST(Allocation, a_warm_pick_and_finish_need_no_heap_under_any_policy) {
  for (const Balancing balancing : {Balancing::peak_ewma, Balancing::round_robin,
                                    Balancing::least_requests, Balancing::consistent_hash}) {
    policy::Upstream policy;
    policy.balance.policy = balancing;
    for (std::uint8_t number = 1; number <= 3; ++number) {
      policy::Endpoint facts;
      facts.address = Address::v4({10, 0, 0, number}, 80);
      policy.endpoints.push_back(facts);
    }
    Instant now{1h};
    const auto cluster = Cluster::make(policy, "", 1, now);
    std::uint64_t allocations = 0;
    for (int round = 0; round < 1000; ++round) {
      counted = round < 100 ? nullptr : &allocations;
      now += 1ms;
      auto lease = cluster->pick({.hash = static_cast<std::uint64_t>(round)}, now);
      auto second = cluster->pick_second({.exclude = &lease->endpoint()}, now);
      second->finish({.status = 200}, 3ms, now);
      lease->finish({.status = 200}, 5ms, now);
      const Permit permit = cluster->bulkhead().try_enter();
      counted = nullptr;
    }
    EXPECT_EQ(allocations, 0U);
  }
}

}  // namespace
}  // namespace weir::cluster
