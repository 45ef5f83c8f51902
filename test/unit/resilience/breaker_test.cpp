#include "weir/resilience/breaker.h"

#include <gtest/gtest.h>

namespace weir::resilience {
namespace {

using namespace std::chrono_literals;
using Result = Breaker::Result;
const Instant start{std::chrono::hours{1}};

TEST(SlidingWindow, forgets_slice_by_slice) {
  SlidingWindow window{10s, start};
  window.record({.calls = 1, .errors = 1, .slow = 0}, start);
  window.record({.calls = 2, .errors = 0, .slow = 1}, start + 5s);
  EXPECT_EQ(window.sum(start + 9s).calls, 3U);
  EXPECT_EQ(window.sum(start + 10s).calls, 2U);
  EXPECT_EQ(window.sum(start + 10s).errors, 0U);
  EXPECT_EQ(window.sum(start + 9s).slow, 1U) << "a clock that steps back changes nothing";
  EXPECT_EQ(window.sum(start + 1h).calls, 0U);
}

void fail(Breaker& breaker, int times, Instant now) {
  for (int count = 0; count < times; ++count) {
    const auto period = breaker.admit(now);
    ASSERT_TRUE(period);
    breaker.record(*period, Result::error, now);
  }
}

TEST(Breaker, opens_at_the_error_rate_once_there_is_enough_volume) {
  Breaker breaker{{}, start};
  fail(breaker, 10, start);
  for (int count = 0; count < 9; ++count) {
    breaker.record(*breaker.admit(start), Result::success, start);
  }
  EXPECT_EQ(breaker.state(), BreakerState::closed) << "19 calls are below the minimum";
  fail(breaker, 1, start);
  EXPECT_EQ(breaker.state(), BreakerState::open);
  EXPECT_FALSE(breaker.admit(start + 1s));
  EXPECT_EQ(breaker.retry_after(start + 1s), 4s);
  EXPECT_EQ(breaker.openings(), 1U);
}

TEST(Breaker, closes_after_its_probes_have_succeeded) {
  Breaker breaker{{}, start};
  fail(breaker, 20, start);
  const Instant later = start + 5s;
  const auto first = breaker.admit(later);
  const auto second = breaker.admit(later);
  const auto third = breaker.admit(later);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(breaker.state(), BreakerState::half_open);
  EXPECT_FALSE(breaker.admit(later)) << "only `probes` at a time";
  breaker.abandon(*third);
  const auto fourth = breaker.admit(later);
  ASSERT_TRUE(fourth) << "an abandoned probe frees its place";
  for (const auto& probe : {first, second, fourth}) breaker.record(*probe, Result::success, later);
  EXPECT_EQ(breaker.state(), BreakerState::closed);
  EXPECT_EQ(breaker.retry_after(later), 0s);
}

TEST(Breaker, opens_again_when_a_probe_fails) {
  Breaker breaker{{}, start};
  fail(breaker, 20, start);
  breaker.record(*breaker.admit(start + 5s), Result::error, start + 6s);
  EXPECT_EQ(breaker.state(), BreakerState::open);
  EXPECT_EQ(breaker.retry_after(start + 6s), 5s);
}

TEST(Breaker, calls_of_an_earlier_period_say_nothing_of_this_one) {
  Breaker breaker{{}, start};
  const auto early = breaker.admit(start);
  fail(breaker, 20, start);
  const auto probe = breaker.admit(start + 5s);
  breaker.record(*early, Result::error, start + 5s);
  EXPECT_EQ(breaker.state(), BreakerState::half_open);
  breaker.abandon(*early);
  EXPECT_TRUE(breaker.admit(start + 5s));
  EXPECT_TRUE(breaker.admit(start + 5s));
  EXPECT_FALSE(breaker.admit(start + 5s)) << "the early call never held a place";
  EXPECT_TRUE(probe);
}

TEST(Breaker, switched_off_it_admits_everything_and_closes) {
  Breaker breaker{{}, start};
  fail(breaker, 20, start);
  policy::Breaker off;
  off.enabled = false;
  breaker.apply(off, start);
  fail(breaker, 100, start);
  EXPECT_EQ(breaker.state(), BreakerState::closed);
}

}  // namespace
}  // namespace weir::resilience
