#include "weir/cluster/bulkhead.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using State = Waiter::State;
const Instant start{std::chrono::hours{1}};
const Instant patient = start + 1h;

// A worker that runs what was posted when told to.
struct Worker : Mailbox {
  void post(std::function<void()> task) override { tasks.push_back(std::move(task)); }
  void turn() {
    while (!tasks.empty()) {
      const auto task = std::move(tasks.front());
      tasks.pop_front();
      task();
    }
    ready.drain();
  }
  std::deque<std::function<void()>> tasks;
  ReadyQueue ready;
};

struct Woken : Wakeable {
  void wake() override { ++times; }
  int times = 0;
};

struct Place {
  explicit Place(Worker& worker) : waiter(worker, worker.ready, woken) {}
  Woken woken;
  Waiter waiter;
};

TEST(Bulkhead, gives_as_many_permits_as_there_are) {
  const auto bulkhead = Bulkhead::make({.concurrent = 2, .queue = 1});
  Permit first = bulkhead->try_enter();
  const Permit second = bulkhead->try_enter();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(bulkhead->try_enter());
  first = Permit{};
  EXPECT_EQ(bulkhead->in_use(), 1U);
  EXPECT_TRUE(bulkhead->try_enter());
}

TEST(Bulkhead, serves_waiters_in_order_of_arrival) {
  Worker worker;
  const auto bulkhead = Bulkhead::make({.concurrent = 1, .queue = 2});
  Permit held = bulkhead->try_enter();
  Place first{worker};
  Place second{worker};
  Place third{worker};
  EXPECT_TRUE(bulkhead->enqueue(first.waiter, patient, start));
  EXPECT_TRUE(bulkhead->enqueue(second.waiter, patient, start));
  EXPECT_FALSE(bulkhead->enqueue(third.waiter, patient, start)) << "the queue is full";
  EXPECT_EQ(third.waiter.state(), State::idle);
  held = Permit{};
  EXPECT_EQ(first.waiter.state(), State::granted);
  EXPECT_EQ(second.waiter.state(), State::waiting);
  EXPECT_FALSE(bulkhead->try_enter()) << "nobody overtakes";
  worker.turn();
  EXPECT_EQ(first.woken.times, 1);
  first.waiter.take();
  EXPECT_EQ(second.waiter.state(), State::granted);
}

TEST(Bulkhead, drops_first_who_can_no_longer_finish) {
  Worker worker;
  const auto bulkhead = Bulkhead::make({.concurrent = 1, .queue = 2});
  const Permit held = bulkhead->try_enter();
  Place early{worker};
  Place late{worker};
  Place newcomer{worker};
  bulkhead->enqueue(early.waiter, start + 1s, start);
  bulkhead->enqueue(late.waiter, start + 10ms, start);
  EXPECT_TRUE(bulkhead->enqueue(newcomer.waiter, start + 1s, start + 20ms));
  EXPECT_EQ(early.waiter.state(), State::waiting);
  EXPECT_EQ(late.waiter.state(), State::dropped);
  EXPECT_EQ(bulkhead->waiting(), 2U);
  worker.turn();
  EXPECT_EQ(late.woken.times, 1);
}

TEST(Bulkhead, a_waiter_that_leaves_frees_its_place) {
  Worker worker;
  const auto bulkhead = Bulkhead::make({.concurrent = 1, .queue = 1});
  Permit held = bulkhead->try_enter();
  {
    Place gone{worker};
    EXPECT_TRUE(bulkhead->enqueue(gone.waiter, patient, start));
  }
  EXPECT_EQ(bulkhead->waiting(), 0U);
  {
    Place granted{worker};
    EXPECT_TRUE(bulkhead->enqueue(granted.waiter, patient, start));
    held = Permit{};
    EXPECT_EQ(granted.waiter.state(), State::granted);
  }
  EXPECT_EQ(bulkhead->in_use(), 0U) << "a permit that was granted and not taken is given back";
  worker.turn();
}

TEST(Bulkhead, a_larger_limit_lets_waiters_in) {
  Worker worker;
  const auto bulkhead = Bulkhead::make({.concurrent = 1, .queue = 1});
  const Permit held = bulkhead->try_enter();
  Place place{worker};
  bulkhead->enqueue(place.waiter, patient, start);
  bulkhead->apply({.concurrent = 2, .queue = 1});
  EXPECT_TRUE(place.waiter.take());
  EXPECT_EQ(place.waiter.state(), State::idle);
}

TEST(Bulkhead, a_permit_keeps_the_bulkhead) {
  auto bulkhead = Bulkhead::make({.concurrent = 1, .queue = 1});
  const std::weak_ptr<Bulkhead> watched = bulkhead;
  Permit permit = bulkhead->try_enter();
  bulkhead.reset();
  EXPECT_FALSE(watched.expired());
  permit = Permit{};
  EXPECT_TRUE(watched.expired());
}

TEST(Bulkhead, lets_in_no_more_than_are_inside_while_it_is_restricted) {
  Worker worker;
  const auto bulkhead = Bulkhead::make({.concurrent = 4, .queue = 2});
  Permit first = bulkhead->try_enter();
  const Permit second = bulkhead->try_enter();
  bulkhead->restrict_to_current();
  EXPECT_FALSE(bulkhead->try_enter());
  first = Permit{};
  bulkhead->restrict_to_current();
  Permit trial = bulkhead->try_enter();
  EXPECT_TRUE(trial) << "the place that became free is not lost";
  Place place{worker};
  EXPECT_TRUE(bulkhead->enqueue(place.waiter, patient, start));
  EXPECT_EQ(place.waiter.state(), State::waiting);
  bulkhead->lift();
  EXPECT_EQ(place.waiter.state(), State::granted);
  EXPECT_TRUE(bulkhead->try_enter());
}

TEST(Bulkhead, a_restriction_leaves_at_least_one) {
  const auto bulkhead = Bulkhead::make({.concurrent = 4, .queue = 2});
  bulkhead->restrict_to_current();
  const Permit only = bulkhead->try_enter();
  EXPECT_TRUE(only);
  EXPECT_FALSE(bulkhead->try_enter());
}

}  // namespace
}  // namespace weir::cluster
