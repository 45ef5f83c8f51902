#include "weir/resilience/tokens.h"

#include <gtest/gtest.h>

namespace weir::resilience {
namespace {

using namespace std::chrono_literals;
const Instant start{std::chrono::hours{1}};

int take_all(RetryTokens& tokens, Instant now) {
  int taken = 0;
  while (tokens.take(now)) ++taken;
  return taken;
}

TEST(RetryTokens, second_attempts_are_a_share_of_first_ones) {
  RetryTokens tokens{percent(10), 0, start};
  EXPECT_EQ(take_all(tokens, start), 10) << "it starts full";
  for (int count = 0; count < 51; ++count) tokens.earn();
  EXPECT_EQ(take_all(tokens, start), 5);
}

TEST(RetryTokens, a_floor_flows_in_by_time_up_to_a_bound) {
  RetryTokens tokens{percent(10), 1, start};
  EXPECT_EQ(take_all(tokens, start), 20);
  EXPECT_EQ(take_all(tokens, start + 3s), 3);
  EXPECT_EQ(take_all(tokens, start + 1h), 20);
  EXPECT_EQ(take_all(tokens, start + 59min), 0) << "a clock that steps back gives nothing";
}

TEST(RetryTokens, without_ratio_and_floor_there_is_one_and_no_more) {
  RetryTokens tokens{percent(0), 0, start};
  EXPECT_EQ(take_all(tokens, start), 1);
  EXPECT_EQ(take_all(tokens, start + 1h), 0);
}

}  // namespace
}  // namespace weir::resilience
