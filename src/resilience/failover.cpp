#include "weir/resilience/failover.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::resilience {
namespace {

constexpr std::array<std::string_view, refusal_count> refusal_names{
    "none",       "not_retryable", "disabled",       "already_failed_over", "response_started",
    "retry_mark", "spent_below",   "not_replayable", "not_idempotent",      "no_alternative",
    "no_faster",  "no_time",       "no_tokens"};

// A call elsewhere has to show itself so many times as fast.
constexpr int distinctly = 2;
constexpr Duration least_look = std::chrono::milliseconds{5};
constexpr Duration least_pause = std::chrono::milliseconds{2};
constexpr Duration longest_pause = std::chrono::milliseconds{20};

// Nothing of the request can have left us, so the body cannot have been used up either.
bool nothing_was_sent(const FailoverQuestion& question) {
  return !question.bytes_written ||
         facts_of(question.outcome.failure).failover == policy::FailoverOn::connect_failure;
}

bool may_have_been_processed(const FailoverQuestion& question) {
  return !nothing_was_sent(question) && processed_by(question.outcome) == Processed::maybe;
}

bool safe_to_repeat(const FailoverQuestion& question) {
  return !may_have_been_processed(question) || http::is_idempotent(question.method) ||
         question.idempotent_by_declaration;
}

// The keep-alive race says nothing of the instance's speed, and the answer may well be quick:
// only a budget that has run out altogether stops it.
bool time_is_left(const FailoverQuestion& question) {
  const bool again = may_have_been_processed(question);
  const Duration left = again ? std::min(question.left, question.patience) : question.left;
  if (left <= Duration::zero()) return false;
  return question.outcome.failure == Failure::reset_reused_connection || left >= question.median;
}

// The number that a mark holds; nullopt when it is malformed.
std::optional<std::int64_t> mark_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_retry_mark(const http::Field& field) {
  const auto above = [&field](std::int64_t most) {
    const auto number = mark_number(field.value);
    return !number || *number < 0 || *number > most;
  };
  switch (field.id) {
    case http::Name::weir_attempt:
    case http::Name::x_envoy_attempt_count: return above(1);
    case http::Name::grpc_previous_rpc_attempts: return above(0);
    default: return false;
  }
}

}  // namespace

std::string_view name_of(Refusal refusal) {
  return refusal_names[static_cast<std::size_t>(refusal)];
}

Refusal may_fail_over(const FailoverQuestion& question, const policy::Failover& policy) {
  const auto word = retry_word(question.outcome);
  if (!word || !policy.retries(*word)) return Refusal::not_retryable;
  if (!policy.enabled) return Refusal::disabled;
  if (question.already_failed_over) return Refusal::already_failed_over;
  if (question.response_started) return Refusal::response_started;
  // What nobody has processed is no call to a leaf: to send it elsewhere doubles nothing.
  if (may_have_been_processed(question)) {
    if (question.marked_as_retry) return Refusal::retry_mark;
    if (question.outcome.failover_spent_below) return Refusal::spent_below;
  }
  if (question.replay == Replay::body_dropped && !nothing_was_sent(question)) {
    return Refusal::not_replayable;
  }
  if (!safe_to_repeat(question)) return Refusal::not_idempotent;
  if (!question.alternative) return Refusal::no_alternative;
  if (!time_is_left(question)) return Refusal::no_time;
  return Refusal::none;
}

bool marked_as_retry(const http::Fields& request) {
  using http::Name;
  if (!request.contains(Name::weir_attempt) && !request.contains(Name::x_envoy_attempt_count) &&
      !request.contains(Name::grpc_previous_rpc_attempts)) {
    return false;
  }
  bool marked = false;
  request.for_each([&marked](const http::Field& field) { marked |= is_retry_mark(field); });
  return marked;
}

bool failover_spent_below(const http::Fields& response) {
  using http::Name;
  if (const auto mark = response.find(Name::weir_failover); mark && *mark == "spent") return true;
  if (const auto pushback = response.find(Name::grpc_retry_pushback_ms)) {
    const auto number = mark_number(*pushback);
    return !number || *number < 0;
  }
  return false;
}

bool declared_idempotent(const http::RequestHead& request, const policy::Failover& policy) {
  const auto key = request.fields.find(http::Name::idempotency_key);
  if (key && !key->empty()) return true;
  if (policy.idempotent_grpc.empty() || !request.is_grpc()) return false;
  return std::ranges::find(policy.idempotent_grpc, request.path()) != policy.idempotent_grpc.end();
}

Duration first_attempt_limit(Duration left, const LatencyView& seen) {
  left = std::max(left, Duration::zero());
  const Duration split = left - left / 3;
  if (!seen.enough()) return split;
  const Duration room = std::min(std::max(seen.p95, seen.median), left / 2);
  const Duration latest = std::min(split, left - room);
  return std::min(latest, std::max(3 * seen.p99, left / 4));
}

bool worth_leaving(Duration waited, Duration expected) { return waited >= expected * distinctly; }

Duration pause_after(Failure failure, Duration elapsed) {
  // The keep-alive race is no trouble of the endpoint's.
  const bool race = failure == Failure::reset_reused_connection;
  if (race || facts_of(failure).failover != policy::FailoverOn::reset) return Duration::zero();
  return elapsed < least_pause ? Duration::zero() : std::min(elapsed, longest_pause);
}

Duration look_again_in(Duration waited) { return std::max(waited / 4, least_look); }

std::optional<Duration> hedge_delay(Duration left, const LatencyView& seen) {
  if (!seen.enough() || seen.p95 + seen.median > left) return std::nullopt;
  return seen.p95;
}

}  // namespace weir::resilience
