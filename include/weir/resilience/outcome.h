// What an attempt gave, and the one table that says what each ending means everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/policy/upstream.h"

namespace weir::resilience {

// How an attempt or an exchange can end short of a response relayed whole.
enum class Failure : std::uint8_t {
  none,
  // the upstream's
  connect_refused,
  connect_timeout,
  connect_unreachable,
  tls_failed,               // nothing in common, or the peer spoke something else
  tls_certificate,          // the endpoint is not who it should be, or nobody vouches for it
  tls_alert,                // the endpoint does not want us
  tls_timeout,              // connected, but the handshake took too long
  stream_refused,           // REFUSED_STREAM or above GOAWAY's last id: not processed
  reset_before_response,    // on a fresh connection, or after bytes of the response came
  reset_reused_connection,  // keep-alive race: a reused connection died before any byte
  reset_mid_response,       // part of the response has been sent on
  malformed_response,
  response_too_large,  // the head exceeds the limits
  attempt_timeout,     // the attempt's own limit
  error_response,      // a status that policy retries, given up for the route's fallback
  // nobody's but the budget's
  deadline_passed,
  expired_on_arrival,
  // ours, by policy
  unauthorized,  // the caller may not do that
  no_route,
  method_refused,  // CONNECT where the listener does not allow it
  no_endpoint,     // nothing eligible: version without endpoints, all ejected
  breaker_open,
  bulkhead_full,     // no permit and no place in the queue
  bulkhead_expired,  // would not have finished in time, dropped from the queue
  connection_limit,
  draining,
  // the downstream's
  malformed_request,
  request_too_large,
  request_timeout,  // head or body did not come in time
  caller_gone,
  internal
};

enum class Fault : std::uint8_t { nobody, downstream, upstream, ours };
enum class Processed : std::uint8_t { no, maybe };

// One row of the table.
struct FailureFacts {
  std::string_view label;         // metric label and log word, snake_case
  std::string_view proxy_status;  // RFC 9209 error type; empty where nothing is sent
  std::uint16_t status;           // of the local reply; 0 where none can be sent
  std::uint8_t grpc_status;       // of the local reply to a gRPC call
  Fault fault;
  Processed processed;
  bool blames_endpoint;                        // counts against the endpoint and its breaker
  std::optional<policy::FailoverOn> failover;  // the policy word that allows a second attempt
};
const FailureFacts& facts_of(Failure failure);
inline std::string_view name_of(Failure failure) { return facts_of(failure).label; }

// What an attempt gave: a failure, or a response.
struct Outcome {
  Failure failure = Failure::none;
  std::uint16_t status = 0;            // 0 without a response
  std::optional<std::uint8_t> grpc{};  // grpc-status where known
  bool failover_spent_below = false;   // the response carries the mark
  // The response says so (resilience/fault_marks.h): the endpoint did what it could.
  bool spares_endpoint = false;
  bool unprocessed = false;  // likewise: the application there has not seen the request
};

// Whether the request may have had an effect: what is provably unprocessed may be sent again
// freely.
Processed processed_by(const Outcome& outcome);
// A 5xx, a gRPC status that blames (resilience/grpc.h), or a failure that does; nothing that
// spares the endpoint.
bool counts_as_error(const Outcome& outcome);
// The policy word that this outcome falls under; nullopt for success and for what is never retried.
std::optional<policy::FailoverOn> retry_word(const Outcome& outcome);

}  // namespace weir::resilience
