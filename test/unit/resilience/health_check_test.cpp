#include "weir/resilience/health_check.h"

#include <gtest/gtest.h>

#include <string_view>

namespace weir::resilience {
namespace {

using namespace std::chrono_literals;

TEST(HealthVerdict, changes_only_after_enough_answers_in_a_row) {
  struct Row {
    std::uint32_t unhealthy_after;
    std::uint32_t healthy_after;
    std::string_view answers;   // + well, - not
    std::string_view verdicts;  // after each of them; . is none
  };
  const Row rows[] = {
      {2, 1, "+--++", "++-++"}, {2, 1, "-+--+", ".++-+"},           {2, 1, "--", ".-"},
      {1, 1, "-+-", "-+-"},     {3, 2, "++--+---++", ".++++++--+"}, {3, 2, "-+-+", "...."},
  };
  for (const Row& row : rows) {
    policy::HealthCheck policy;
    policy.unhealthy_after = row.unhealthy_after;
    policy.healthy_after = row.healthy_after;
    HealthVerdict verdict;
    std::string given;
    for (const char answer : row.answers) {
      const auto said = verdict.record(answer == '+' ? Wellness::well : Wellness::unwell, policy);
      given.push_back(!said ? '.' : *said == Wellness::well ? '+' : '-');
      EXPECT_EQ(said, verdict.current());
    }
    EXPECT_EQ(given, row.verdicts) << row.answers;
  }
}

TEST(HealthSchedule, counts_from_the_beginning_of_a_check_with_jitter_and_never_goes_back) {
  policy::HealthCheck policy;
  policy.interval = 5s;
  Random random{1};
  const Instant began{1h};
  Instant earliest = Instant::max();
  Instant latest{};
  for (int times = 0; times < 200; ++times) {
    const Instant next = next_check(began, policy, random, began + 1s);
    earliest = std::min(earliest, next);
    latest = std::max(latest, next);
  }
  EXPECT_GE(earliest, began + 4500ms);
  EXPECT_LE(latest, began + 5500ms);
  EXPECT_GT(latest - earliest, 500ms);
  // A check that took longer than the interval is followed by the next one at once.
  EXPECT_EQ(next_check(began, policy, random, began + 9s), began + 9s);
}

}  // namespace
}  // namespace weir::resilience
