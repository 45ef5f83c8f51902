// What crosses the application, and what was in vain: counted once, and told apart.

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "sample_record.h"
#include "scrape_lines.h"
#include "weir/telemetry/metrics.h"

namespace weir::telemetry {
namespace {

using resilience::Failure;

AttemptRecord sunk_attempt(Unproductive reason, Duration sunk, Work work) {
  AttemptRecord attempt;
  attempt.unproductive = reason;
  attempt.sunk = sunk;
  attempt.work = work;
  return attempt;
}

TEST(Metrics, count_each_second_in_vain_once_and_late_responses_apart) {
  using std::chrono::milliseconds;
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  Record record = sample_record();
  record.attempts[0] = sunk_attempt(Unproductive::hedge_lost, milliseconds{250}, Work::cut_short);
  record.attempts[1] = sunk_attempt(Unproductive::caller_gone, milliseconds{500}, Work::late);
  record.attempts[2] = sunk_attempt(Unproductive::caller_gone, milliseconds{125}, Work::cut_short);
  record.attempts[2].upstream = "archive";
  record.attempt_count = 3;
  worker.record(record);
  // Of what is not an attempt nothing is counted.
  record.attempt_count = 0;
  worker.record(record);
  // The same call, as the callee's weir sees it.
  Record inbound = sample_record();
  inbound.direction = Direction::inbound;
  inbound.upstream = "application";
  inbound.attempts[0] = sunk_attempt(Unproductive::caller_gone, milliseconds{500}, Work::late);
  inbound.attempt_count = 1;
  worker.record(inbound);
  const std::string text = metrics.scrape(Exposition::prometheus);
  const std::string time = "weir_unproductive_seconds_total{direction=\"";
  for (const std::string& line : {
           time + R"(outbound",upstream="catalog",reason="hedge_lost",work="cut_short"} 0.25)",
           time + R"(outbound",upstream="catalog",reason="caller_gone",work="late"} 0.5)",
           time + R"(outbound",upstream="catalog",reason="caller_gone",work="cut_short"} 0)",
           time + R"(outbound",upstream="catalog",reason="deadline_passed",work="late"} 0)",
           time + R"(outbound",upstream="archive",reason="caller_gone",work="cut_short"} 0.125)",
           time + R"(inbound",upstream="application",reason="caller_gone",work="late"} 0.5)",
           std::string{R"(weir_late_responses_total{direction="outbound",upstream="catalog",)"
                       R"(reason="caller_gone"} 1)"},
           std::string{R"(weir_late_responses_total{direction="inbound",upstream="application",)"
                       R"(reason="deadline_passed"} 0)"},
       }) {
    EXPECT_TRUE(has_line(text, line));
  }
  EXPECT_EQ(text.find(time + R"(inbound",upstream="catalog")"), std::string::npos);
  EXPECT_DOUBLE_EQ(metrics.totals().unproductive_seconds, 1.375);
  EXPECT_EQ(metrics.totals().late_responses, 2U);
}

TEST(Metrics, count_how_causes_were_found_and_what_went_with_them) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  Record call = sample_record();
  call.cause = CauseSource::exact;
  call.budget_source = resilience::BudgetSource::exact;
  worker.record(call);
  call.failure = Failure::caller_gone;
  call.cascaded = true;
  worker.record(call);
  call.attempt_count = 0;
  call.cause = CauseSource::request_id;
  worker.record(call);
  Record inbound = sample_record();
  inbound.direction = Direction::inbound;
  inbound.upstream = "application";
  worker.record(inbound);
  Record nowhere = sample_record();  // no route: nobody looked
  nowhere.route = nowhere.upstream = {};
  worker.record(nowhere);
  const std::string text = metrics.scrape(Exposition::prometheus);
  for (const char* line : {
           R"(weir_causes_total{upstream="catalog",source="exact"} 2)",
           R"(weir_causes_total{upstream="catalog",source="request_id"} 1)",
           R"(weir_causes_total{upstream="catalog",source="off"} 0)",
           R"(weir_causes_total{upstream="catalog",source="none"} 0)",
           R"(weir_cascaded_cancellations_total{upstream="catalog",call="cancelled"} 1)",
           R"(weir_cascaded_cancellations_total{upstream="catalog",call="refused"} 1)",
           R"(weir_budget_source_total{direction="outbound",source="exact"} 3)",
           R"(weir_budget_source_total{direction="outbound",source="route"} 0)",
           R"(weir_budget_seconds_count{direction="outbound"} 3)",
           R"(weir_budget_seconds_sum{direction="inbound"} 0.25)",
           R"(weir_budget_left_seconds_bucket{direction="inbound",le="0.1"} 0)",
           R"(weir_budget_left_seconds_bucket{direction="inbound",le="0.25"} 1)",
       }) {
    EXPECT_TRUE(has_line(text, line));
  }
  EXPECT_EQ(text.find(R"(weir_causes_total{upstream="application")"), std::string::npos);
  const Totals totals = metrics.totals();
  EXPECT_EQ(totals.causes, (std::array<std::uint64_t, cause_source_count>{0, 2, 0, 1, 0, 0}));
  EXPECT_EQ(totals.cascade_cancelled, 1U);
  EXPECT_EQ(totals.cascade_refused, 1U);
}

}  // namespace
}  // namespace weir::telemetry
