#include "weir/resilience/ejection.h"

#include <gtest/gtest.h>

namespace weir::resilience {
namespace {

using namespace std::chrono_literals;
using Result = EndpointHealth::Call::Result;
using Verdict = EndpointHealth::Verdict;
const Instant start{std::chrono::hours{1}};

Verdict tell(EndpointHealth& health, Result result, Instant now, Duration elapsed = 1ms) {
  return health.record({result, elapsed, health.period()}, now);
}

Verdict tell_times(EndpointHealth& health, Result result, int times, Duration elapsed = 1ms) {
  auto verdict = Verdict::keep;
  for (int count = 0; count < times; ++count) verdict = tell(health, result, start, elapsed);
  return verdict;
}

// Ejects, waits and lets a first probe go.
Instant on_probation(EndpointHealth& health, Instant now) {
  Random random{1};
  health.eject(now, random);
  const Instant out_until = health.since_or_until();
  EXPECT_FALSE(health.poll(out_until - 1ns));
  EXPECT_TRUE(health.poll(out_until));
  EXPECT_TRUE(health.admit_probe());
  return out_until;
}

TEST(EndpointHealth, asks_to_be_ejected_after_failures_in_a_row) {
  EndpointHealth health{{}, start};
  EXPECT_EQ(tell_times(health, Result::error, 4), Verdict::keep);
  EXPECT_EQ(tell(health, Result::success, start), Verdict::keep);
  EXPECT_EQ(tell_times(health, Result::error, 4), Verdict::keep);
  EXPECT_EQ(tell(health, Result::error, start), Verdict::in_a_row);
  EXPECT_TRUE(health.available()) << "until somebody grants it";
}

TEST(EndpointHealth, asks_at_the_error_rate_once_there_is_enough_volume) {
  EndpointHealth health{{}, start};
  for (int pair = 0; pair < 4; ++pair) {
    EXPECT_EQ(tell(health, Result::error, start), Verdict::keep);
    tell(health, Result::success, start);
  }
  EXPECT_EQ(tell(health, Result::error, start), Verdict::keep) << "9 calls";
  EXPECT_EQ(tell(health, Result::error, start), Verdict::error_rate);
}

TEST(EndpointHealth, asks_at_the_rate_of_slow_calls_where_policy_says_what_slow_is) {
  policy::Ejection policy;
  EndpointHealth indifferent{policy, start};
  EXPECT_EQ(tell_times(indifferent, Result::success, 50, 9s), Verdict::keep);
  policy.slow_call = 100ms;
  EndpointHealth health{policy, start};
  EXPECT_EQ(tell_times(health, Result::success, 2), Verdict::keep);
  EXPECT_EQ(tell_times(health, Result::success, 7, 101ms), Verdict::keep);
  EXPECT_EQ(tell(health, Result::success, start, 101ms), Verdict::slow_rate);
}

TEST(EndpointHealth, only_silence_over_many_calls_is_a_hanging_endpoint) {
  EndpointHealth health{{}, start};
  EXPECT_EQ(tell_times(health, Result::unanswered, 19), Verdict::keep);
  tell(health, Result::success, start);
  EXPECT_EQ(tell_times(health, Result::unanswered, 19), Verdict::keep);
  EXPECT_EQ(tell(health, Result::unanswered, start), Verdict::unanswered);
}

TEST(EndpointHealth, returns_through_one_probe_at_a_time_and_a_ramp) {
  EndpointHealth health{{}, start};
  Instant now = on_probation(health, start);
  EXPECT_FALSE(health.available());
  EXPECT_FALSE(health.admit_probe());
  health.abandon(health.period());
  EXPECT_TRUE(health.admit_probe()) << "an abandoned probe frees its place";
  tell(health, Result::success, now);
  EXPECT_EQ(health.state(now), Health::probing);
  EXPECT_TRUE(health.admit_probe());
  tell(health, Result::success, now);
  EXPECT_EQ(health.state(now), Health::ramping);
  EXPECT_DOUBLE_EQ(health.share(now), 0.1);
  EXPECT_NEAR(health.share(now + 1500ms), 0.55, 0.001);
  EXPECT_DOUBLE_EQ(health.share(now + 3s), 1);
  EXPECT_EQ(health.state(now + 3s), Health::healthy);
}

TEST(EndpointHealth, backs_off_exponentially_up_to_the_maximum_with_jitter) {
  EndpointHealth health{{}, start};
  Instant now = start;
  Duration expected = 1s;
  for (int times = 0; times < 10; ++times) {
    const Instant until = on_probation(health, now);
    EXPECT_GE(until - now, expected * 8 / 10);
    EXPECT_LE(until - now, std::min<Duration>(expected * 12 / 10, 60s));
    EXPECT_EQ(tell(health, Result::error, until), Verdict::probe) << "one failed probe is enough";
    now = until;
    expected = std::min<Duration>(expected * 2, 60s);
  }
  EXPECT_EQ(health.ejections(), 10U);
}

TEST(EndpointHealth, a_long_healthy_time_is_rewarded_with_a_short_ejection) {
  EndpointHealth health{{}, start};
  Instant now = start;
  for (int times = 0; times < 4; ++times) now = on_probation(health, now);
  tell(health, Result::success, now);
  EXPECT_TRUE(health.admit_probe());
  tell(health, Result::success, now);
  now += 1min;
  EXPECT_LE(on_probation(health, now) - now, 1200ms);
}

TEST(EndpointHealth, calls_begun_before_the_ejection_say_nothing_of_the_return) {
  EndpointHealth health{{}, start};
  const auto before = health.period();
  const Instant now = on_probation(health, start);
  EXPECT_EQ(health.record({Result::error, 1ms, before}, now), Verdict::keep);
  EXPECT_EQ(health.record({Result::success, 1ms, before}, now), Verdict::keep);
  EXPECT_FALSE(health.admit_probe()) << "the probe is still out";
}

TEST(EndpointHealth, switched_off_it_never_asks) {
  policy::Ejection off;
  off.enabled = false;
  EndpointHealth health{off, start};
  EXPECT_EQ(tell_times(health, Result::error, 100), Verdict::keep);
  EXPECT_DOUBLE_EQ(health.error_rate(start), 1) << "but it goes on counting";
}

TEST(DistinctlyWorse, compares_with_the_others) {
  struct Row {
    std::string_view what;
    Verdict why;
    WindowCounts own;
    std::uint32_t in_a_row;
    Peers peers;
    bool worse;
  };
  const Row rows[] = {
      {"the others are well", Verdict::error_rate, {20, 10, 0}, 1, {{40, 0, 0}}, true},
      {"all fail alike", Verdict::error_rate, {20, 12, 0}, 1, {{40, 22, 0}}, false},
      {"twice as many errors", Verdict::error_rate, {20, 12, 0}, 1, {{40, 12, 0}}, true},
      {"half as many successes", Verdict::error_rate, {20, 15, 0}, 1, {{40, 16, 0}}, true},
      {"most fail everywhere", Verdict::error_rate, {20, 20, 0}, 1, {{40, 32, 0}}, false},
      {"nothing is known of them", Verdict::error_rate, {20, 12, 0}, 1, {{0, 0, 0}}, true},
      {"all slow", Verdict::slow_rate, {20, 0, 20}, 0, {{40, 0, 36}}, false},
      {"alone slow", Verdict::slow_rate, {20, 0, 20}, 0, {{40, 0, 4}}, true},
      {"five in a row", Verdict::in_a_row, {50, 5, 0}, 5, {{90, 4, 0}}, true},
      {"five in a row by chance", Verdict::in_a_row, {50, 30, 0}, 5, {{90, 54, 0}}, false},
      {"all have just failed", Verdict::in_a_row, {50, 5, 0}, 5, {{90, 9, 0}, false}, false},
      {"alone silent", Verdict::unanswered, {20, 0, 0}, 0, {{40, 0, 0}}, true},
      {"all silent", Verdict::unanswered, {20, 0, 0}, 0, {{40, 0, 0}, false}, false},
      {"a failed probe", Verdict::probe, {0, 0, 0}, 0, {{40, 40, 0}, false}, true},
      {"nothing wrong", Verdict::keep, {20, 20, 0}, 20, {{40, 0, 0}}, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(distinctly_worse(row.why, row.own, row.in_a_row, row.peers), row.worse) << row.what;
  }
}

}  // namespace
}  // namespace weir::resilience
