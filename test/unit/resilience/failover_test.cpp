#include "weir/resilience/failover.h"

#include <gtest/gtest.h>

#include <functional>

namespace weir::resilience {
namespace {

using http::Method;
using http::Name;
using namespace std::chrono_literals;

FailoverQuestion good_question() {
  FailoverQuestion question;
  question.outcome = {.failure = Failure::reset_before_response};
  question.alternative = true;
  question.left = 100ms;
  question.median = 10ms;
  return question;
}

// One change to a question that would have been answered with `none`, and its refusal.
struct Rule {
  std::string_view what;
  std::function<void(FailoverQuestion&)> change;
  Refusal refusal;
};

TEST(Failover, refuses_for_each_of_its_reasons) {
  const Rule rules[] = {
      {"nothing wrong", [](auto&) {}, Refusal::none},
      {"success", [](auto& q) { q.outcome = {.status = 200}; }, Refusal::not_retryable},
      {"status 500", [](auto& q) { q.outcome = {.status = 500}; }, Refusal::not_retryable},
      {"budget over", [](auto& q) { q.outcome.failure = Failure::deadline_passed; },
       Refusal::not_retryable},
      {"local refusal", [](auto& q) { q.outcome.failure = Failure::breaker_open; },
       Refusal::not_retryable},
      {"second failed too", [](auto& q) { q.already_failed_over = true; },
       Refusal::already_failed_over},
      {"response begun", [](auto& q) { q.response_started = true; }, Refusal::response_started},
      {"is a retry", [](auto& q) { q.marked_as_retry = true; }, Refusal::retry_mark},
      {"spent below",
       [](auto& q) { q.outcome = {.status = 503, .grpc = {}, .failover_spent_below = true}; },
       Refusal::spent_below},
      {"body too long", [](auto& q) { q.replay = Replay::body_dropped; }, Refusal::not_replayable},
      {"post", [](auto& q) { q.method = Method::post; }, Refusal::not_idempotent},
      {"patch", [](auto& q) { q.method = Method::patch; }, Refusal::not_idempotent},
      {"post answered 503",
       [](auto& q) {
         q.method = Method::post;
         q.outcome = {.status = 503};
       },
       Refusal::not_idempotent},
      {"one instance", [](auto& q) { q.alternative = false; }, Refusal::no_alternative},
      {"less than the median left", [](auto& q) { q.left = 9ms; }, Refusal::no_time},
      {"exactly the median left", [](auto& q) { q.left = 10ms; }, Refusal::none},
      {"nothing left",
       [](auto& q) {
         q.left = 0ms;
         q.median = 0ms;
       },
       Refusal::no_time},
  };
  for (const Rule& rule : rules) {
    FailoverQuestion question = good_question();
    rule.change(question);
    EXPECT_EQ(name_of(may_fail_over(question, {})), name_of(rule.refusal)) << rule.what;
  }
}

TEST(Failover, what_was_provably_not_processed_is_safe_whatever_the_method) {
  for (const Failure failure : {Failure::connect_refused, Failure::connect_timeout,
                                Failure::tls_failed, Failure::stream_refused}) {
    FailoverQuestion question = good_question();
    question.method = Method::post;
    question.outcome.failure = failure;
    EXPECT_EQ(may_fail_over(question, {}), Refusal::none) << name_of(failure);
  }
  FailoverQuestion unsent = good_question();
  unsent.method = Method::post;
  unsent.bytes_written = false;
  unsent.replay = Replay::body_dropped;
  EXPECT_EQ(may_fail_over(unsent, {}), Refusal::none);
  FailoverQuestion refused_stream = good_question();
  refused_stream.outcome.failure = Failure::stream_refused;
  refused_stream.replay = Replay::body_dropped;
  EXPECT_EQ(may_fail_over(refused_stream, {}), Refusal::not_replayable)
      << "not processed, but its body has gone";
}

TEST(Failover, a_post_goes_twice_only_when_declared_idempotent) {
  FailoverQuestion question = good_question();
  question.method = Method::post;
  question.outcome = {.status = 200, .grpc = 14, .failover_spent_below = false};
  EXPECT_EQ(may_fail_over(question, {}), Refusal::not_idempotent);
  question.idempotent_by_declaration = true;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::none);
}

TEST(Failover, the_keep_alive_race_needs_no_median_but_safety_and_some_time) {
  FailoverQuestion question = good_question();
  question.outcome.failure = Failure::reset_reused_connection;
  question.left = 1ms;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::none);
  question.left = 0ms;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::no_time);
  question.left = 1ms;
  question.method = Method::post;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::not_idempotent);
  question.bytes_written = false;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::none);
}

TEST(Failover, policy_says_which_outcomes_and_whether_at_all) {
  policy::Failover policy;
  policy.enabled = false;
  EXPECT_EQ(may_fail_over(good_question(), policy), Refusal::disabled);
  policy.enabled = true;
  policy.on = {policy::FailoverOn::status_503};
  EXPECT_EQ(may_fail_over(good_question(), policy), Refusal::not_retryable);
}

TEST(Failover, reads_the_marks_of_retries_and_takes_malformed_ones_for_marks) {
  struct Row {
    Name name;
    std::string_view value;
    bool marked;
  };
  const Row rows[] = {{Name::weir_attempt, "1", false},
                      {Name::weir_attempt, "2", true},
                      {Name::weir_attempt, "x", true},
                      {Name::weir_attempt, "", true},
                      {Name::x_envoy_attempt_count, "1", false},
                      {Name::x_envoy_attempt_count, "3", true},
                      {Name::grpc_previous_rpc_attempts, "0", false},
                      {Name::grpc_previous_rpc_attempts, "1", true},
                      {Name::grpc_previous_rpc_attempts, "-1", true}};
  for (const Row& row : rows) {
    http::Fields fields;
    fields.add(row.name, row.value);
    EXPECT_EQ(marked_as_retry(fields), row.marked) << http::name_of(row.name) << row.value;
  }
  EXPECT_FALSE(marked_as_retry({}));
}

TEST(Failover, reads_that_it_was_spent_below) {
  struct Row {
    Name name;
    std::string_view value;
    bool spent;
  };
  const Row rows[] = {{Name::weir_failover, "spent", true},
                      {Name::weir_failover, "possible", false},
                      {Name::grpc_retry_pushback_ms, "-1", true},
                      {Name::grpc_retry_pushback_ms, "x", true},
                      {Name::grpc_retry_pushback_ms, "20", false}};
  for (const Row& row : rows) {
    http::Fields fields;
    fields.add(row.name, row.value);
    EXPECT_EQ(failover_spent_below(fields), row.spent) << row.value;
  }
}

TEST(Failover, a_request_declares_itself_idempotent_by_key_or_listed_grpc_method) {
  policy::Failover policy;
  policy.idempotent_grpc = {"/catalog.Catalog/Get"};
  http::RequestHead keyed;
  keyed.fields.add(Name::idempotency_key, "\"a\"");
  EXPECT_TRUE(declared_idempotent(keyed, policy));
  http::RequestHead empty;
  empty.fields.add(Name::idempotency_key, "");
  EXPECT_FALSE(declared_idempotent(empty, policy));
  http::RequestHead call;
  call.target = "/catalog.Catalog/Get";
  EXPECT_FALSE(declared_idempotent(call, policy)) << "not gRPC";
  call.fields.add(Name::content_type, "application/grpc");
  EXPECT_TRUE(declared_idempotent(call, policy));
  call.target = "/catalog.Catalog/Put";
  EXPECT_FALSE(declared_idempotent(call, policy));
}

TEST(Failover, the_first_attempt_leaves_room_for_the_second) {
  const LatencyView few{.samples = 3, .median = 10ms, .p95 = 50ms, .p99 = 60ms};
  EXPECT_EQ(first_attempt_limit(300ms, few), 200ms) << "a static split";
  const LatencyView seen{.samples = 100, .median = 10ms, .p95 = 50ms, .p99 = 60ms};
  EXPECT_EQ(first_attempt_limit(300ms, seen), 180ms) << "three times the 99th percentile";
  EXPECT_EQ(first_attempt_limit(2s, seen), 500ms) << "at least a quarter";
  EXPECT_EQ(first_attempt_limit(120ms, seen), 70ms) << "a 95th percentile is left over";
  EXPECT_EQ(first_attempt_limit(210ms, seen), 140ms) << "never more than two thirds";
  EXPECT_EQ(first_attempt_limit(60ms, seen), 30ms) << "never less than half";
  EXPECT_EQ(first_attempt_limit(-1ms, seen), 0ms);
}

// A call to a leaf is one that may have been processed; what was not may go elsewhere freely.
TEST(Failover, what_was_not_processed_is_no_second_call) {
  FailoverQuestion refused = good_question();
  refused.outcome = {.status = 503};
  FailoverQuestion unconnected = good_question();
  unconnected.outcome.failure = Failure::connect_refused;
  for (FailoverQuestion question : {refused, unconnected}) {
    question.marked_as_retry = true;
    question.outcome.failover_spent_below = true;
    question.patience = 0ms;
    const bool connected = question.outcome.failure == Failure::none;
    EXPECT_EQ(may_fail_over(question, {}), connected ? Refusal::retry_mark : Refusal::none);
    question.outcome.unprocessed = true;
    question.method = Method::post;
    EXPECT_EQ(may_fail_over(question, {}), Refusal::none);
    question.left = 9ms;
    EXPECT_EQ(may_fail_over(question, {}), Refusal::no_time);
  }
}

TEST(Failover, a_second_call_starts_before_the_caller_may_make_one) {
  FailoverQuestion question = good_question();
  question.patience = 10ms;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::none);
  question.patience = 9ms;
  EXPECT_EQ(may_fail_over(question, {}), Refusal::no_time);
}

TEST(Failover, an_attempt_is_left_only_for_one_that_is_distinctly_faster) {
  EXPECT_TRUE(worth_leaving(100ms, 0ms)) << "nothing speaks against it";
  EXPECT_TRUE(worth_leaving(100ms, 50ms));
  EXPECT_FALSE(worth_leaving(100ms, 51ms));
  EXPECT_FALSE(worth_leaving(100ms, 300ms));
  EXPECT_EQ(look_again_in(100ms), 25ms);
  EXPECT_EQ(look_again_in(1ms), 5ms);
}

TEST(Failover, what_broke_late_waits_a_moment) {
  EXPECT_EQ(pause_after(Failure::reset_before_response, 10ms), 10ms);
  EXPECT_EQ(pause_after(Failure::reset_before_response, 1s), 20ms);
  EXPECT_EQ(pause_after(Failure::reset_before_response, 1ms), 0ms);
  EXPECT_EQ(pause_after(Failure::reset_reused_connection, 1s), 0ms) << "the keep-alive race";
  EXPECT_EQ(pause_after(Failure::connect_refused, 1s), 0ms);
  EXPECT_EQ(pause_after(Failure::attempt_timeout, 1s), 0ms);
}

TEST(Failover, hedges_at_the_95th_percentile_when_a_median_is_left) {
  const LatencyView seen{.samples = 100, .median = 10ms, .p95 = 50ms, .p99 = 60ms};
  EXPECT_EQ(hedge_delay(60ms, seen), 50ms);
  EXPECT_EQ(hedge_delay(59ms, seen), std::nullopt);
  EXPECT_EQ(hedge_delay(1s, {.samples = 5, .median = 1ms, .p95 = 1ms, .p99 = 1ms}), std::nullopt);
}

}  // namespace
}  // namespace weir::resilience
