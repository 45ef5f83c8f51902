#include "weir/resilience/latency.h"

#include <gtest/gtest.h>

namespace weir::resilience {
namespace {

using namespace std::chrono_literals;
const Instant start{std::chrono::hours{1}};

void expect_near(Duration seen, Duration wanted) {
  EXPECT_NEAR(seconds(seen), seconds(wanted), seconds(wanted) * 0.07);
}

TEST(LatencyHistogram, knows_nothing_before_the_first_sample) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.view(start).samples, 0U);
  EXPECT_EQ(histogram.view(start).median, 0ns);
  EXPECT_FALSE(histogram.view(start).enough());
}

TEST(LatencyHistogram, gives_percentiles_within_a_bucket) {
  LatencyHistogram histogram;
  for (int ms = 1; ms <= 1000; ++ms) histogram.record(ms * 1ms, start);
  const LatencyView view = histogram.view(start + 100ms);
  EXPECT_NEAR(view.samples, 1000, 10);
  expect_near(view.median, 500ms);
  expect_near(view.p95, 950ms);
  expect_near(view.p99, 990ms);
  EXPECT_TRUE(view.enough());
}

TEST(LatencyHistogram, clamps_at_both_ends) {
  LatencyHistogram histogram;
  histogram.record(-1ms, start);
  EXPECT_LT(histogram.view(start).median, 20us);
  LatencyHistogram slow;
  slow.record(1h, start);
  EXPECT_GT(slow.view(start).median, 50s);
}

TEST(LatencyHistogram, forgets_by_half_lives) {
  LatencyHistogram histogram{10s};
  for (int count = 0; count < 1000; ++count) histogram.record(100ms, start);
  EXPECT_NEAR(histogram.view(start + 10s).samples, 500, 20);
  for (int count = 0; count < 600; ++count) histogram.record(1ms, start + 10s);
  expect_near(histogram.view(start + 10s).median, 1ms);
  EXPECT_NEAR(histogram.view(start + 90s).samples, 4, 1) << "across a rescaling";
  EXPECT_EQ(histogram.view(start + 1h).samples, 0U);
  EXPECT_EQ(histogram.view(start + 1h).p99, 0ns);
}

TEST(LatencyHistogram, bears_a_clock_that_steps_back) {
  LatencyHistogram histogram;
  histogram.record(5ms, start);
  histogram.record(5ms, start - 1ms);
  EXPECT_EQ(histogram.view(start - 2ms).samples, 2U);
}

TEST(TimeToFinish, is_the_99th_percentile_and_a_bucket_but_half_of_the_budget_at_most) {
  const LatencyView seen{.samples = 100, .median = 10ms, .p95 = 50ms, .p99 = 80ms};
  EXPECT_EQ(time_to_finish(1s, seen), 90ms);
  EXPECT_EQ(time_to_finish(100ms, seen), 50ms);
  const LatencyView few{.samples = 3, .median = 10ms, .p95 = 50ms, .p99 = 80ms};
  EXPECT_EQ(time_to_finish(1s, few), 10ms);
}

}  // namespace
}  // namespace weir::resilience
