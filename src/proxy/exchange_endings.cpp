// How attempts end: what they tell of their endpoints, and what is written down of them.
#include "weir/proxy/exchange.h"

namespace weir::proxy {

using resilience::Failure;
using resilience::Outcome;
using AttemptState = upstream::Attempt::State;

void Exchange::end_attempt(Slot slot, const Outcome& outcome) {
  upstream::Attempt& attempt = *attempts_[slot];
  const Instant now = services_.scheduler.now();
  auto& record = record_.attempts[records_[slot]];
  record.failure = outcome.failure;
  record.status = outcome.status;
  record.elapsed = now - attempt.started();
  record.reused_connection = attempt.reused_connection();
  if (attempt.state() == AttemptState::responding) record.work = telemetry::Work::late;
  if (attempt.bytes_written() && processed_by(outcome) == resilience::Processed::maybe) {
    processed_ = resilience::Processed::maybe;
  }
  if (outcome.failure == Failure::caller_gone) {
    count_unproductive(slot, telemetry::Unproductive::caller_gone);
  } else if (outcome.failure == Failure::deadline_passed ||
             outcome.failure == Failure::attempt_timeout) {
    count_unproductive(slot, telemetry::Unproductive::deadline_passed);
  }
  attempt.lease().finish(outcome, record.elapsed, now);
  finished_[slot] = std::move(attempt.lease());
  attempts_[slot].reset();
}

// Each attempt counts once, for the first reason, and not at all before anything was sent.
void Exchange::count_unproductive(Slot slot, telemetry::Unproductive reason) {
  const upstream::Attempt& attempt = *attempts_[slot];
  auto& record = record_.attempts[records_[slot]];
  if (record.unproductive != telemetry::Unproductive::none || !attempt.bytes_written()) return;
  record.unproductive = reason;
  record.sunk = services_.scheduler.now() - attempt.started();
  if (record_.unproductive == telemetry::Unproductive::none) record_.unproductive = reason;
  record_.unproductive_time += record.sunk;
}

// The attempt whose response was relayed is judged by its head, by the gRPC status in its trailers,
// and by an end that came too soon.
void Exchange::record_attempt_end() {
  upstream::Attempt& attempt = *attempts_[*chosen_];
  const Instant now = services_.scheduler.now();
  auto& record = record_.attempts[records_[*chosen_]];
  Outcome outcome = judged_;
  if (failure_ == Failure::none) {
    outcome = resilience::judge_end(outcome, attempt.body().trailers(), call_, budget_use(attempt));
    crossing_.judge(outcome);
    record.failure = outcome.failure;
    record_.grpc_status = outcome.grpc;
  } else {
    // What cut it short on our side or the caller's tells nothing of the endpoint.
    record.failure = failure_;
    outcome.failure = failure_ == Failure::reset_mid_response ? failure_ : Failure::none;
    if (grpc()) record_.grpc_status = resilience::facts_of(failure_).grpc_status;
  }
  // What a stream has told by then was of use.
  const bool late = record.work == telemetry::Work::late;
  const bool streamed = !late && (tunnel_ || policy().idle);
  if (late || (failure_ == Failure::caller_gone && !streamed)) {
    count_unproductive(*chosen_, telemetry::Unproductive::caller_gone);
  } else if (failure_ == Failure::deadline_passed && !streamed) {
    count_unproductive(*chosen_, telemetry::Unproductive::deadline_passed);
  }
  attempt.lease().finish(outcome, record.elapsed, now);
  attempt.release();
}

}  // namespace weir::proxy
