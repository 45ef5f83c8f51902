#include "weir/base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace weir {
namespace {

using std::chrono::milliseconds;

TEST(Random, repeats_itself_from_its_seed) {
  Random one{7};
  Random same{7};
  Random other{8};
  int differing = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = one.next();
    EXPECT_EQ(number, same.next());
    if (number != other.next()) ++differing;
  }
  EXPECT_GE(differing, 99);
}

TEST(Random, spreads_a_poor_seed) {
  Random zero{0};
  EXPECT_NE(zero.next(), 0U);
  EXPECT_NE(zero.next(), zero.next());
}

TEST(Random, stays_below_its_bound_and_reaches_everything_there) {
  Random random{1};
  EXPECT_EQ(random.below(0), 0U);
  EXPECT_EQ(random.below(1), 0U);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10'000; ++i) ++seen.at(random.below(seen.size()));
  for (const int count : seen) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
}

TEST(Random, units_lie_in_the_half_open_interval) {
  Random random{2};
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double unit = random.unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    sum += unit;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

TEST(Random, chances_come_as_often_as_asked) {
  Random random{3};
  int never = 0;
  int tenth = 0;
  int always = 0;
  for (int i = 0; i < 10'000; ++i) {
    never += random.chance(percent(0)) ? 1 : 0;
    tenth += random.chance(percent(10)) ? 1 : 0;
    always += random.chance(percent(100)) ? 1 : 0;
  }
  EXPECT_EQ(never, 0);
  EXPECT_NEAR(tenth, 1000, 150);
  EXPECT_EQ(always, 10'000);
}

TEST(Random, jitter_stays_within_its_spread_on_both_sides) {
  Random random{4};
  int shorter = 0;
  for (int i = 0; i < 1000; ++i) {
    const Duration jittered = random.jittered(milliseconds{100}, percent(20));
    ASSERT_GE(jittered, milliseconds{80});
    ASSERT_LE(jittered, milliseconds{120});
    if (jittered < milliseconds{100}) ++shorter;
  }
  EXPECT_NEAR(shorter, 500, 100);
  EXPECT_EQ(random.jittered(milliseconds{100}, percent(0)), milliseconds{100});
  EXPECT_EQ(random.jittered(Duration::zero(), percent(50)), Duration::zero());
}

}  // namespace
}  // namespace weir
