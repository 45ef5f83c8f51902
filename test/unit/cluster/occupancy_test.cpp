#include "weir/cluster/occupancy.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using Look = Occupancy::Look;
const Instant start{std::chrono::hours{1}};
const resilience::LatencyView seen{.samples = 100, .median = 10ms, .p95 = 50ms, .p99 = 80ms};

TEST(Occupancy, a_call_that_was_given_up_takes_as_long_as_others) {
  Occupancy occupancy;
  EXPECT_EQ(occupancy.until(start, Look::first, seen, start + 5ms), start + 50ms);
  occupancy.answered(start + 20ms);
  EXPECT_EQ(occupancy.until(start, Look::again, seen, start + 49ms), start + 50ms);
  EXPECT_EQ(occupancy.until(start, Look::again, seen, start + 50ms), start + 50ms);
  EXPECT_FALSE(occupancy.silent());
}

TEST(Occupancy, where_nothing_is_answered_one_trial_at_a_time_is_let_through) {
  Occupancy occupancy;
  occupancy.answered(start);
  // Ten calls to an application that hangs; each trial is given up after 100 ms as well.
  Instant now = start + 300ms;
  std::vector<Instant> held(10, start + 1ms);
  for (std::size_t count = 1; const Instant began : held) {
    EXPECT_GT(occupancy.until(began, Look::first, seen, now), now);
    EXPECT_EQ(occupancy.silent(), count++ >= 3) << "one or two are slow requests";
  }
  EXPECT_TRUE(occupancy.silent());
  int trials = 0;
  while (now < start + 10s) {
    now += 25ms;
    for (Instant& began : held) {
      if (occupancy.until(began, Look::again, seen, now) > now) continue;
      ++trials;
      began = now;
      EXPECT_GT(occupancy.until(began, Look::first, seen, now + 100ms), now + 100ms);
    }
  }
  EXPECT_GE(trials, 8);
  EXPECT_LE(trials, 11);
  occupancy.answered(now);
  for (const Instant began : held) {
    EXPECT_EQ(occupancy.until(began, Look::again, seen, now + 100ms), now + 100ms);
  }
}

}  // namespace
}  // namespace weir::cluster
