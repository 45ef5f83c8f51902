// Many workers on one cluster and one bulkhead, a bounded number of times; ThreadSanitizer reads
// it.
#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <thread>

#include "weir/cluster/cluster.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
const Instant start{std::chrono::hours{1}};
constexpr int workers = 4;
constexpr int rounds = 2000;

policy::Upstream upstream(int endpoints) {
  policy::Upstream policy;
  policy.name = "catalog";
  for (int number = 1; number <= endpoints; ++number) {
    policy::Endpoint facts;
    facts.address = Address::v4({10, 0, 0, static_cast<std::uint8_t>(number)}, 80);
    facts.version = number % 2 == 0 ? "v1" : "v2";
    policy.endpoints.push_back(facts);
  }
  return policy;
}

void work(Cluster& cluster, int worker) {
  Random random{static_cast<std::uint64_t>(worker)};
  for (int round = 0; round < rounds; ++round) {
    const Instant now = start + round * 1ms;
    auto lease = cluster.pick({}, now);
    if (!lease) continue;
    auto second = cluster.pick_second({.exclude = &lease->endpoint()}, now);
    if (random.chance(percent(10))) continue;
    lease->finish({.status = static_cast<std::uint16_t>(random.chance(percent(20)) ? 503 : 200)},
                  1ms, now);
    if (second) second->finish({.failure = resilience::Failure::caller_gone}, 2ms, now);
    if (round % 100 == 0 && worker == 0) cluster.apply(upstream(2 + round / 100 % 5), now);
    EXPECT_TRUE(round % 50 != 0 || cluster.status(now).name == "catalog");
  }
}

TEST(Threads, a_cluster_counts_right_under_many_workers) {
  const auto cluster = Cluster::make(upstream(6), "", 1, start);
  std::vector<std::thread> threads;
  for (int worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&cluster, worker] { work(*cluster, worker); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& endpoint : cluster->status(start + 1h).endpoints) {
    EXPECT_EQ(endpoint.outstanding, 0U);
  }
}

// A worker's loop: runs what others post, from its own thread.
class Loop : public Mailbox {
 public:
  void post(std::function<void()> task) override {
    const std::lock_guard lock{mutex_};
    tasks_.push_back(std::move(task));
  }
  void turn() {
    std::deque<std::function<void()>> tasks;
    {
      const std::lock_guard lock{mutex_};
      tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
    ready.drain();
  }
  ReadyQueue ready;

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
};

struct Woken : Wakeable {
  void wake() override { ++times; }
  int times = 0;
};

void enter_and_leave(Bulkhead& bulkhead, std::atomic<int>& inside, std::atomic<int>& most) {
  Loop loop;
  Woken woken;
  for (int round = 0; round < rounds; ++round) {
    Permit permit = bulkhead.try_enter();
    Waiter waiter{loop, loop.ready, woken};
    if (!permit && bulkhead.enqueue(waiter, start + 1h, start)) {
      // Every fifth waiter is not patient enough.
      while (round % 5 != 0 && waiter.state() == Waiter::State::waiting) {
        loop.turn();
        std::this_thread::yield();
      }
      permit = waiter.take();
    }
    if (!permit) continue;
    const int now_inside = ++inside;
    int seen = most.load();
    while (now_inside > seen && !most.compare_exchange_weak(seen, now_inside)) continue;
    --inside;
  }
  loop.turn();
}

TEST(Threads, a_bulkhead_never_lets_too_many_in_and_loses_no_permit) {
  const auto bulkhead = Bulkhead::make({.concurrent = 2, .queue = 3});
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&] { enter_and_leave(*bulkhead, inside, most); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most.load(), 2);
  EXPECT_EQ(bulkhead->in_use(), 0U);
  EXPECT_EQ(bulkhead->waiting(), 0U);
}

}  // namespace
}  // namespace weir::cluster
