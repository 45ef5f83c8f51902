#include "weir/resilience/budget.h"

#include <gtest/gtest.h>

namespace weir::resilience {
namespace {

using http::Name;
using namespace std::chrono_literals;

http::Fields fields_of(std::initializer_list<std::pair<Name, std::string_view>> list) {
  http::Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  return fields;
}

TEST(Budget, the_smallest_well_formed_grant_counts_and_malformed_ones_are_counted) {
  const Grant grant = read_grant(fields_of({{Name::weir_budget_ms, "250"},
                                            {Name::grpc_timeout, "100m"},
                                            {Name::grpc_timeout, "soon"},
                                            {Name::x_envoy_expected_rq_timeout_ms, "1e3"}}));
  EXPECT_EQ(grant.granted, 100ms);
  EXPECT_EQ(grant.malformed, 2);
  EXPECT_EQ(read_grant({}).granted, std::nullopt);
}

TEST(Budget, milliseconds_are_digits_and_zero_or_less_has_expired) {
  struct Row {
    std::string_view text;
    std::optional<Duration> granted;
  };
  const Row rows[] = {{"0", 0ms},
                      {"-5", 0ms},
                      {"007", 7ms},
                      {"", std::nullopt},
                      {"-", std::nullopt},
                      {"+5", std::nullopt},
                      {" 5", std::nullopt},
                      {"5.5", std::nullopt},
                      {"5ms", std::nullopt},
                      {"99999999999999999999999", std::nullopt}};
  for (const Row& row : rows) {
    const Grant grant = read_grant(fields_of({{Name::weir_budget_ms, row.text}}));
    EXPECT_EQ(grant.granted, row.granted) << row.text;
    EXPECT_EQ(grant.malformed, row.granted ? 0 : 1) << row.text;
  }
}

TEST(Budget, grpc_timeouts_are_read_as_grpc_defines_them) {
  struct Row {
    std::string_view text;
    std::optional<Duration> read;
  };
  const Row rows[] = {{"1H", 1h},
                      {"2M", 2min},
                      {"3S", 3s},
                      {"4m", 4ms},
                      {"5u", 5us},
                      {"6n", 6ns},
                      {"0m", 0ms},
                      {"99999999n", 99999999ns},
                      {"m", std::nullopt},
                      {"5", std::nullopt},
                      {"5s", std::nullopt},
                      {"-5m", std::nullopt},
                      {"123456789m", std::nullopt},
                      {"", std::nullopt}};
  for (const Row& row : rows) EXPECT_EQ(parse_grpc_timeout(row.text), row.read) << row.text;
  EXPECT_GT(parse_grpc_timeout("99999999H"), 1h) << "clamped, not overflown";
}

TEST(Budget, grpc_timeouts_are_written_in_the_finest_unit_of_eight_digits_rounded_down) {
  struct Row {
    Duration left;
    std::string_view text;
  };
  const Row rows[] = {{0ns, "0n"},
                      {-1ms, "0n"},
                      {99999999ns, "99999999n"},
                      {100000000ns, "100000u"},
                      {99999999us, "99999999u"},
                      {99999999us + 999ns, "99999999u"},
                      {100000000us, "100000m"},
                      {99999999ms, "99999999m"},
                      {100000000ms, "100000S"},
                      {237ms, "237000u"},
                      {100s + 999us, "100000m"},
                      {100000s, "100000S"},
                      {99999999s, "99999999S"},
                      {100000000s, "1666666M"},
                      {Duration::max(), "2562047H"}};
  for (const Row& row : rows) EXPECT_EQ(grpc_timeout(row.left), row.text);
}

TEST(Budget, is_the_minimum_of_all_that_is_present) {
  struct Row {
    std::optional<Duration> granted;
    std::optional<Duration> route;
    Duration total;
    BudgetSource source;
  };
  const Row rows[] = {
      {std::nullopt, std::nullopt, 800ms, BudgetSource::listener_default},
      {std::nullopt, 900ms, 900ms, BudgetSource::route},
      {std::nullopt, 5s, 2s, BudgetSource::listener_maximum},
      {100ms, 900ms, 100ms, BudgetSource::header},
      {1s, std::nullopt, 1s, BudgetSource::header},
      {9s, std::nullopt, 2s, BudgetSource::listener_maximum},
      {300ms, 200ms, 200ms, BudgetSource::route},
      {0ms, 200ms, 0ms, BudgetSource::header},
  };
  for (const Row& row : rows) {
    const Budget budget = effective_budget({row.granted, 0}, {row.route, 800ms, 2s});
    EXPECT_EQ(budget.total, row.total);
    EXPECT_EQ(budget.source, row.source) << name_of(budget.source);
  }
}

TEST(Budget, is_at_most_what_the_inbound_request_has_left) {
  const struct {
    std::optional<Duration> route;
    Duration left;
    Duration total;
    BudgetSource source;
  } rows[] = {
      {std::nullopt, 300ms, 300ms, BudgetSource::exact},
      {std::nullopt, 1500ms, 1500ms, BudgetSource::exact},  // the default is for the uncorrelated
      {std::nullopt, 5s, 2s, BudgetSource::listener_maximum},
      {200ms, 300ms, 200ms, BudgetSource::route},
      {400ms, 300ms, 300ms, BudgetSource::exact},
      {400ms, -300ms, 0ms, BudgetSource::exact},
  };
  for (const auto& row : rows) {
    const Budget budget =
        effective_budget({}, {row.route, 800ms, 2s, Inherited{row.left, BudgetSource::exact}});
    EXPECT_EQ(budget.total, row.total);
    EXPECT_EQ(budget.source, row.source) << name_of(budget.source);
  }
}

TEST(Budget, is_handed_on_in_the_words_that_the_request_used) {
  auto fields = fields_of({{Name::grpc_timeout, "1S"}, {Name::weir_budget_ms, "1000"}});
  write_grant(fields, {237ms + 900us});
  EXPECT_EQ(fields.find(Name::weir_budget_ms), "237");
  EXPECT_EQ(fields.count(Name::weir_budget_ms), 1U);
  EXPECT_EQ(fields.find(Name::grpc_timeout), "237900u");
  EXPECT_FALSE(fields.contains(Name::x_envoy_expected_rq_timeout_ms));
}

TEST(Budget, a_grpc_call_is_told_in_grpcs_own_words_and_never_more_than_is_left) {
  struct Row {
    std::optional<std::string_view> came;
    Remainder left;
    std::optional<std::string_view> told;
  };
  const Row rows[] = {{std::nullopt, {237ms, 237ms}, "237000u"},
                      {"9S", {237ms, 237ms}, "237000u"},
                      {"9S", {237ms, 8s}, "8000000u"},
                      {"9S", {237ms, -1ms}, "0n"},
                      {"9S", {237ms, std::nullopt}, "237000u"},
                      {std::nullopt, {237ms, std::nullopt}, std::nullopt}};
  for (const Row& row : rows) {
    http::Fields fields;
    if (row.came) fields.add(Name::grpc_timeout, *row.came);
    write_grant(fields, row.left);
    EXPECT_EQ(fields.find(Name::grpc_timeout), row.told);
    EXPECT_EQ(fields.count(Name::grpc_timeout), row.told ? 1U : 0U);
    EXPECT_EQ(fields.find(Name::weir_budget_ms), "237");
  }
}

TEST(Budget, from_beyond_the_trust_boundary_only_grpc_may_shorten) {
  const Grant grant = read_grpc_grant(fields_of({{Name::weir_budget_ms, "250"},
                                                 {Name::grpc_timeout, "300m"},
                                                 {Name::grpc_timeout, "soon"},
                                                 {Name::x_envoy_expected_rq_timeout_ms, "x"}}));
  EXPECT_EQ(grant.granted, 300ms);
  EXPECT_EQ(grant.malformed, 1);
}

}  // namespace
}  // namespace weir::resilience
