#include "weir/base/timer_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "weir/base/random.h"

namespace weir {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Sleeper final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

struct Modelled {
  Sleeper sleeper;
  Timer timer{sleeper};
  bool armed = false;
  Instant due;
  Instant armed_at;
  int expected = 0;
};

// The end of the millisecond in which it is due, and never the one in which it was armed.
Instant fires_at(Instant start, const Modelled& one) {
  const auto due = std::chrono::ceil<milliseconds>(one.due - start);
  const auto armed = std::chrono::floor<milliseconds>(one.armed_at - start);
  return start + std::max(due, armed + milliseconds{1});
}

void compare_with_a_plain_list(std::uint64_t seed) {
  Random random{seed};
  const Instant start{std::chrono::hours{3}};
  Instant now = start;
  ReadyQueue ready;
  TimerQueue queue{ready, start};
  std::vector<std::unique_ptr<Modelled>> all;
  for (int i = 0; i < 40; ++i) all.push_back(std::make_unique<Modelled>());
  for (int step = 0; step < 2000; ++step) {
    Modelled& one = *all[random.below(all.size())];
    switch (random.below(4)) {
      case 0:
      case 1: {
        const std::uint64_t reach = std::uint64_t{1} << random.below(34);  // up to hours, in us
        one.due = now + microseconds{static_cast<std::int64_t>(random.below(reach))};
        one.armed = true;
        one.armed_at = now;
        queue.arm(one.timer, one.due);
        break;
      }
      case 2:
        one.armed = false;
        one.timer.disarm();
        break;
      default: {
        const std::uint64_t reach = std::uint64_t{1} << random.below(30);
        const Instant before = now;
        now += microseconds{static_cast<std::int64_t>(random.below(reach))};
        const auto next = queue.next();
        queue.advance(now);
        ready.drain();
        for (auto& each : all) {
          // Beyond the horizon a timer may come early; that far we do not look.
          if (!each->armed || each->due - before > TimerQueue::horizon()) continue;
          if (fires_at(start, *each) > now) continue;
          ASSERT_TRUE(next && *next <= now) << "seed " << seed << " step " << step;
          each->armed = false;
          ++each->expected;
        }
      }
    }
    for (const auto& each : all) {
      const bool far = each->armed && each->due - now > TimerQueue::horizon() / 2;
      if (far) continue;
      ASSERT_EQ(each->timer.armed(), each->armed) << "seed " << seed << " step " << step;
      ASSERT_EQ(each->sleeper.woken, each->expected) << "seed " << seed << " step " << step;
    }
  }
}

TEST(TimerQueue, does_what_a_plain_list_of_timers_would_do) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    ASSERT_NO_FATAL_FAILURE(compare_with_a_plain_list(seed));
  }
}

TEST(TimerQueue, never_fires_early_and_at_most_a_millisecond_late) {
  const Instant start{std::chrono::hours{1}};
  for (const auto due :
       {microseconds{1}, microseconds{999}, microseconds{1000}, microseconds{63'500},
        microseconds{64'000}, microseconds{4'095'999}, microseconds{262'144'001}}) {
    ReadyQueue ready;
    TimerQueue queue{ready, start};
    Sleeper sleeper;
    Timer timer{sleeper};
    queue.arm(timer, start + due);
    queue.advance(start + due - microseconds{1});
    ready.drain();
    EXPECT_EQ(sleeper.woken, 0) << due.count();
    queue.advance(start + due + milliseconds{1});
    ready.drain();
    EXPECT_EQ(sleeper.woken, 1) << due.count();
    EXPECT_TRUE(timer.fired());
  }
}

}  // namespace
}  // namespace weir
