// The one failover: whether there may be a second attempt, and how long the first may last.
//
// Pure: everything it weighs is in FailoverQuestion, so `weir explain`, the simulation and the
// tests ask the same function as the proxy.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/time.h"
#include "weir/http/message.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/latency.h"
#include "weir/resilience/outcome.h"

namespace weir::resilience {

// Why there is no second attempt. `none` means that there is one. The order is that of checking.
enum class Refusal : std::uint8_t {
  none,
  not_retryable,        // the outcome is not one that the policy retries
  disabled,             // switched off for the route or upstream
  already_failed_over,  // this exchange has had its second attempt
  response_started,     // part of the response has been sent on
  retry_mark,           // the request is itself a retry
  spent_below,          // the response says that failover was used further down
  not_replayable,       // the body is beyond the replay limit
  not_idempotent,
  no_alternative,  // no other instance
  no_faster,       // the others are as slow as the one that is to be given up
  no_time,         // less is left than the median latency
  no_tokens
};
std::string_view name_of(Refusal refusal);
inline constexpr std::size_t refusal_count = static_cast<std::size_t>(Refusal::no_tokens) + 1;

enum class Replay : std::uint8_t { possible, body_dropped };

struct FailoverQuestion {
  Outcome outcome;
  http::Method method = http::Method::get;
  bool idempotent_by_declaration = false;  // Idempotency-Key, or a gRPC method that policy lists
  bool bytes_written = true;               // anything of the request reached a socket
  bool response_started = false;
  bool marked_as_retry = false;
  bool already_failed_over = false;
  bool alternative = false;  // an instance that was not tried is available
  Replay replay = Replay::possible;
  Duration left{};  // of the budget
  // In which our caller does not try elsewhere itself.
  Duration patience = Duration::max();
  // Of the upstream, or what the alternative is expected to take if that is less: half of an
  // upstream that hangs must not talk the healthy half out of answering. Zero while unknown.
  Duration median{};
};

// Everything but the tokens, which the caller takes last and only when this says `none`.
Refusal may_fail_over(const FailoverQuestion& question, const policy::Failover& policy);

// True when the request carries a mark that it is itself a retry: `weir-attempt` above 1,
// `grpc-previous-rpc-attempts` above 0, `x-envoy-attempt-count` above 1. Malformed marks count as
// marks: the safe reading.
bool marked_as_retry(const http::Fields& request);
// True when the response carries `weir-failover: spent` or a negative or malformed
// `grpc-retry-pushback-ms`.
bool failover_spent_below(const http::Fields& response);
// Idempotency-Key present (and not empty), or a gRPC method that the policy lists.
bool declared_idempotent(const http::RequestHead& request, const policy::Failover& policy);

// How long the first attempt may last so that a second one fits into `left`. With enough samples:
// three times the 99th percentile, at least a quarter of what is left, and at most what a 95th
// percentile leaves over, though half of it may always be used. Two thirds at most, which is also
// the static split with too few samples.
Duration first_attempt_limit(Duration left, const LatencyView& seen);
// Whether an attempt that has waited for so long is better given up for an endpoint that is
// expected to take `expected` (zero: nothing speaks against it). Where all are equally slow waiting
// is the better choice: whoever starts anew stands at the end of the queue.
bool worth_leaving(Duration waited, Duration expected);
// How long to wait before what broke after `elapsed` is sent elsewhere: as long as was lost, but
// only a moment. Nothing for the keep-alive race, which shows itself at once.
Duration pause_after(Failure failure, Duration elapsed);
// When to look again whether it is.
Duration look_again_in(Duration waited);
// When to hedge: the observed 95th percentile; nullopt with too few samples or no time for it.
std::optional<Duration> hedge_delay(Duration left, const LatencyView& seen);

}  // namespace weir::resilience
