#include "weir/base/signal.h"

#include <gtest/gtest.h>

#include "weir/base/task.h"

namespace weir {
namespace {

Task count_rings(Signal& signal, int& looked) {
  for (;;) {
    co_await signal.wait();
    ++looked;
  }
}

struct Bell {
  ReadyQueue ready;
  Signal signal{ready};
  int looked = 0;
  Task task = count_rings(signal, looked);
};

TEST(Signal, wakes_its_waiter_from_the_queue_and_not_from_within) {
  Bell bell;
  bell.task.start();
  bell.signal.ring();
  EXPECT_EQ(bell.looked, 0);
  bell.ready.drain();
  EXPECT_EQ(bell.looked, 1);
}

TEST(Signal, several_rings_before_the_waiter_runs_are_one) {
  Bell bell;
  bell.task.start();
  for (int i = 0; i < 3; ++i) bell.signal.ring();
  bell.ready.drain();
  EXPECT_EQ(bell.looked, 1);
  bell.ready.drain();
  EXPECT_EQ(bell.looked, 1);
  bell.signal.ring();
  bell.ready.drain();
  EXPECT_EQ(bell.looked, 2);
}

TEST(Signal, remembers_rings_that_nobody_waited_for_as_one) {
  Bell bell;
  bell.signal.ring();
  bell.signal.ring();
  EXPECT_TRUE(bell.ready.empty());
  bell.task.start();
  EXPECT_EQ(bell.looked, 1);
  bell.ready.drain();
  EXPECT_EQ(bell.looked, 1);
}

TEST(Signal, being_scheduled_directly_is_a_ring) {
  Bell waited_for;
  waited_for.task.start();
  waited_for.ready.schedule(waited_for.signal);
  waited_for.ready.drain();
  EXPECT_EQ(waited_for.looked, 1);

  Bell remembered;
  remembered.ready.schedule(remembered.signal);
  remembered.ready.drain();
  remembered.task.start();
  EXPECT_EQ(remembered.looked, 1);
}

Task rings_itself(Signal& signal, int& looked) {
  while (looked < 3) {
    co_await signal.wait();
    ++looked;
    signal.ring();
  }
}

TEST(Signal, a_ring_while_the_waiter_runs_is_not_lost) {
  ReadyQueue ready;
  Signal signal{ready};
  int looked = 0;
  Task task = rings_itself(signal, looked);
  task.start();
  signal.ring();
  ready.drain();
  EXPECT_EQ(looked, 3);
  EXPECT_TRUE(task.done());
}

}  // namespace
}  // namespace weir
