#include "weir/resilience/outcome.h"

#include <array>

#include "weir/http/grpc.h"
#include "weir/resilience/grpc.h"

namespace weir::resilience {
namespace {

using policy::FailoverOn;

using Grpc = http::GrpcStatus;
enum class Blames : std::uint8_t { nobody, endpoint };

struct Row {
  Failure failure;
  std::string_view label;
  std::string_view proxy_status;
  std::uint16_t status;
  Grpc grpc;
  Fault fault;
  Processed processed;
  Blames blames;
  std::optional<FailoverOn> failover;
};

constexpr auto nobody = Fault::nobody;
constexpr auto downstream = Fault::downstream;
constexpr auto upstream = Fault::upstream;
constexpr auto ours = Fault::ours;
constexpr auto no = Processed::no;
constexpr auto maybe = Processed::maybe;
constexpr auto blamed = Blames::endpoint;
constexpr auto spared = Blames::nobody;
constexpr auto never = std::optional<FailoverOn>{};

// Statuses follow the recommendations of RFC 9209, section 2.3, except where the budget decides:
// an expired request is a 504 although it was refused, because the caller's clock is the reason.
// `no_route` is a 404, which clients and retrying proxies leave alone; Proxy-Status tells it from
// the application's. A response head beyond our limits says something of one resource and of our
// limits, so it does not blame. reset_mid_response can only be told in a trailer or the log.
// clang-format off
constexpr Row rows[] = {
  {Failure::none, "none", "", 0, Grpc::ok, nobody, maybe, spared, never},
  {Failure::connect_refused, "connect_refused", "connection_refused", 502, Grpc::unavailable,
   upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::connect_timeout, "connect_timeout", "connection_timeout", 504, Grpc::unavailable,
   upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::connect_unreachable, "connect_unreachable", "destination_ip_unroutable", 502,
   Grpc::unavailable, upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::tls_failed, "tls_failed", "tls_protocol_error", 502, Grpc::unavailable,
   upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::tls_certificate, "tls_certificate", "tls_certificate_error", 502, Grpc::unavailable,
   upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::tls_alert, "tls_alert", "tls_alert_received", 502, Grpc::unavailable,
   upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::tls_timeout, "tls_timeout", "connection_timeout", 504, Grpc::unavailable,
   upstream, no, blamed, FailoverOn::connect_failure},
  {Failure::stream_refused, "stream_refused", "destination_unavailable", 503, Grpc::unavailable,
   upstream, no, spared, FailoverOn::refused},
  {Failure::reset_before_response, "reset_before_response", "connection_terminated", 502,
   Grpc::unavailable, upstream, maybe, blamed, FailoverOn::reset},
  {Failure::reset_reused_connection, "reset_reused_connection", "connection_terminated", 502,
   Grpc::unavailable, nobody, maybe, spared, FailoverOn::reset},
  {Failure::reset_mid_response, "reset_mid_response", "http_response_incomplete", 0,
   Grpc::unavailable, upstream, maybe, blamed, never},
  {Failure::malformed_response, "malformed_response", "http_protocol_error", 502, Grpc::internal,
   upstream, maybe, blamed, never},
  {Failure::response_too_large, "response_too_large", "http_response_header_section_size", 502,
   Grpc::internal, upstream, maybe, spared, never},
  {Failure::attempt_timeout, "attempt_timeout", "http_response_timeout", 504, Grpc::unavailable,
   upstream, maybe, blamed, FailoverOn::timeout},
  {Failure::error_response, "error_response", "http_response_incomplete", 502, Grpc::unavailable,
   upstream, maybe, spared, never},
  {Failure::deadline_passed, "deadline_passed", "http_response_timeout", 504,
   Grpc::deadline_exceeded, nobody, maybe, spared, never},
  {Failure::expired_on_arrival, "expired_on_arrival", "http_request_denied", 504,
   Grpc::deadline_exceeded, downstream, no, spared, never},
  {Failure::unauthorized, "unauthorized", "http_request_denied", 403, Grpc::permission_denied,
   downstream, no, spared, never},
  {Failure::no_route, "no_route", "destination_not_found", 404, Grpc::unimplemented,
   ours, no, spared, never},
  {Failure::method_refused, "method_refused", "http_request_denied", 405, Grpc::unimplemented,
   ours, no, spared, never},
  {Failure::no_endpoint, "no_endpoint", "destination_unavailable", 503, Grpc::unavailable,
   ours, no, spared, never},
  {Failure::breaker_open, "breaker_open", "destination_unavailable", 503, Grpc::unavailable,
   ours, no, spared, never},
  {Failure::bulkhead_full, "bulkhead_full", "connection_limit_reached", 503,
   Grpc::resource_exhausted, ours, no, spared, never},
  {Failure::bulkhead_expired, "bulkhead_expired", "connection_limit_reached", 503,
   Grpc::resource_exhausted, ours, no, spared, never},
  {Failure::connection_limit, "connection_limit", "connection_limit_reached", 503,
   Grpc::resource_exhausted, ours, no, spared, never},
  {Failure::draining, "draining", "proxy_internal_response", 503, Grpc::unavailable,
   ours, no, spared, never},
  {Failure::malformed_request, "malformed_request", "http_request_error", 400, Grpc::internal,
   downstream, no, spared, never},
  {Failure::request_too_large, "request_too_large", "http_request_error", 413,
   Grpc::resource_exhausted, downstream, maybe, spared, never},
  {Failure::request_timeout, "request_timeout", "http_request_error", 408, Grpc::cancelled,
   downstream, maybe, spared, never},
  // Sent only to an application that is still there, though the caller of its own request has gone.
  {Failure::caller_gone, "caller_gone", "", 499, Grpc::cancelled, downstream, maybe, spared, never},
  {Failure::internal, "internal", "proxy_internal_error", 500, Grpc::internal,
   ours, maybe, spared, never},
};
// clang-format on

constexpr std::size_t failures = static_cast<std::size_t>(Failure::internal) + 1;

constexpr std::array<FailureFacts, failures> make_table() {
  static_assert(std::size(rows) == failures);
  std::array<FailureFacts, failures> table{};
  for (const Row& row : rows) {
    table[static_cast<std::size_t>(row.failure)] = {row.label,
                                                    row.proxy_status,
                                                    row.status,
                                                    static_cast<std::uint8_t>(row.grpc),
                                                    row.fault,
                                                    row.processed,
                                                    row.blames == Blames::endpoint,
                                                    row.failover};
  }
  return table;
}

constexpr auto table = make_table();

}  // namespace

const FailureFacts& facts_of(Failure failure) { return table[static_cast<std::size_t>(failure)]; }

Processed processed_by(const Outcome& outcome) {
  return outcome.unprocessed ? Processed::no : facts_of(outcome.failure).processed;
}

bool counts_as_error(const Outcome& outcome) {
  if (outcome.spares_endpoint) return false;
  if (outcome.failure != Failure::none) return facts_of(outcome.failure).blames_endpoint;
  if (outcome.status >= 500) return true;
  return outcome.grpc && grpc_status_blames(*outcome.grpc);
}

std::optional<FailoverOn> retry_word(const Outcome& outcome) {
  if (outcome.failure != Failure::none) return facts_of(outcome.failure).failover;
  if (outcome.unprocessed) return FailoverOn::refused;
  switch (outcome.status) {
    case 502: return FailoverOn::status_502;
    case 503: return FailoverOn::status_503;
    case 504: return FailoverOn::status_504;
    default: break;
  }
  if (outcome.grpc == static_cast<std::uint8_t>(Grpc::unavailable)) {
    return FailoverOn::grpc_unavailable;
  }
  return std::nullopt;
}

}  // namespace weir::resilience
