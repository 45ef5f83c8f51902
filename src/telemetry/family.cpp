#include "weir/telemetry/family.h"

#include <array>

#include "shard.h"

namespace weir::telemetry {
namespace {

using enum MetricKind;

// In the order of Family.
constexpr std::array<FamilyFacts, family_count> families{{
    {"weir_requests_total", counter, "direction,route,upstream,version,status,failure",
     "Exchanges that ended, by status class sent to the caller and by how they ended."},
    {"weir_request_duration_seconds", histogram, "direction,route,upstream",
     "First byte of the request to the last byte of the response."},
    {"weir_request_first_byte_seconds", histogram, "direction,route,upstream",
     "First byte of the request to the response head sent on."},
    {"weir_request_body_bytes_total", counter, "direction,route,upstream",
     "Bytes of request bodies received from callers."},
    {"weir_response_body_bytes_total", counter, "direction,route,upstream",
     "Bytes of response bodies sent to callers."},
    {"weir_fallbacks_total", counter, "direction,route,upstream",
     "Exchanges answered by the route's fallback."},
    {"weir_exchanges_in_flight", gauge, "direction", "Exchanges that have begun and not ended."},
    {"weir_attempts_total", counter, "upstream,version,outcome",
     "Attempts against endpoints, by status class or failure."},
    {"weir_attempt_duration_seconds", histogram, "upstream,version",
     "Start of an attempt to its response head or failure."},
    {"weir_failovers_total", counter, "upstream,result",
     "Second attempts, by whether they saved the exchange."},
    {"weir_failover_refused_total", counter, "upstream,reason",
     "Failed attempts that were not followed by a second one."},
    {"weir_hedges_total", counter, "upstream,result",
     "Second attempts started before the first had failed."},
    {"weir_unproductive_seconds_total", counter, "direction,upstream,reason,work",
     "Time sunk into attempts whose answer nobody could use, each second once."},
    {"weir_late_responses_total", counter, "direction,upstream,reason",
     "Responses that came when nobody waited for them any more."},
    {"weir_grpc_responses_total", counter, "upstream,grpc_status",
     "gRPC exchanges by grpc-status sent to the caller."},
    {"weir_grpc_requests_total", counter, "direction,upstream,grpc_service,grpc_method,grpc_status",
     "gRPC calls that ended, by method and by grpc-status sent to the caller."},
    {"weir_grpc_request_duration_seconds", histogram, "direction,upstream,grpc_service,grpc_method",
     "First byte of a gRPC call to its last trailer; of a streaming call its whole life."},
    {"weir_budget_source_total", counter, "direction,source",
     "Exchanges by what decided their budget."},
    {"weir_budget_seconds", histogram, "direction", "What exchanges had in all."},
    {"weir_budget_left_seconds", histogram, "direction",
     "What was left of it when exchanges ended."},
    {"weir_causes_total", counter, "upstream,source",
     "Outbound calls by how the inbound request that caused them was found."},
    {"weir_cascaded_cancellations_total", counter, "upstream,call",
     "Outbound calls given up because the request that caused them had lost its caller."},
    {"weir_malformed_grants_total", counter, "direction",
     "Budget grants that were ignored because they could not be read."},
    {"weir_expired_requests_total", counter, "direction",
     "Requests refused on arrival because their budget was used up."},
    {"weir_malformed_requests_total", counter, "direction,reason",
     "Requests that could not be parsed and were never forwarded."},
    {"weir_connections_detected_total", counter, "direction,kind",
     "Connections whose protocol had to be found out, by what it was."},
    {"weir_connections_refused_total", counter, "direction,reason",
     "Connections turned away before their first request."},
    {"weir_tls_handshakes_total", counter, "direction,version,resumed",
     "TLS handshakes with callers (inbound) and endpoints (outbound) that succeeded."},
    {"weir_tls_handshake_failures_total", counter, "direction,reason",
     "TLS handshakes with callers (inbound) and endpoints (outbound) that failed."},
    {"weir_tls_certificate_expiry_timestamp_seconds", gauge, "file,subject",
     "When the certificate, or the last authority of the bundle, expires, in Unix time."},
    {"weir_tls_reloads_total", counter, "result",
     "Attempts to load certificates, keys and bundles, the first one included."},
    {"weir_authorization_total", counter, "caller,verdict",
     "Inbound requests by what the authorization said; the first 100 identities by name."},
    {"weir_tunnels_total", counter, "direction,upstream,end",
     "Tunnels of opaque TCP that ended, by how."},
    {"weir_tunnels", gauge, "direction", "Tunnels of opaque TCP that have begun and not ended."},
    {"weir_tunnel_bytes_total", counter, "direction,upstream,from",
     "Bytes that tunnels carried, counted when they end."},
    {"weir_downstream_connections_opened_total", counter, "direction",
     "Connections accepted from callers."},
    {"weir_downstream_connections_closed_total", counter, "direction,reason",
     "Connections from callers that ended."},
    {"weir_downstream_connections", gauge, "direction", "Connections from callers that are open."},
    {"weir_downstream_floods_total", counter, "direction,reason",
     "HTTP/2 connections from callers that were closed with ENHANCE_YOUR_CALM."},
    {"weir_upstream_connections_opened_total", counter, "upstream",
     "Connections opened to endpoints."},
    {"weir_upstream_connections_closed_total", counter, "upstream,reason",
     "Connections to endpoints that ended."},
    {"weir_upstream_connections_reused_total", counter, "upstream",
     "Attempts sent over a connection that had been used before."},
    {"weir_upstream_connections", gauge, "upstream", "Connections to endpoints that are open."},
    {"weir_upstream_floods_total", counter, "upstream,reason",
     "HTTP/2 connections to endpoints that were closed with ENHANCE_YOUR_CALM."},
    {"weir_upstream_resets_sent_total", counter, "upstream",
     "RST_STREAM frames sent to endpoints; a peer allows only so many of them."},
    {"weir_endpoint_available", gauge, "upstream,endpoint,version,zone",
     "1 while the endpoint takes traffic, 0 while it is ejected or unwell."},
    {"weir_endpoint_well", gauge, "upstream,endpoint,version,zone",
     "1 while the health checks find the endpoint well, 0 while they do not."},
    {"weir_endpoint_ejections_total", counter, "upstream,endpoint,version,zone",
     "Times that the endpoint was taken out."},
    {"weir_endpoint_outstanding", gauge, "upstream,endpoint,version,zone",
     "Attempts running against the endpoint."},
    {"weir_endpoint_latency_seconds", gauge, "upstream,endpoint,version,zone",
     "Peak EWMA latency on which balancing decides."},
    {"weir_endpoint_error_ratio", gauge, "upstream,endpoint,version,zone",
     "Share of failed attempts in the ejection window, 0 to 1."},
    {"weir_ejections_total", counter, "upstream",
     "Ejections of all endpoints, those that have gone included."},
    {"weir_breaker_state", gauge, "upstream,version,state",
     "1 for the state that the breaker is in, 0 for the others."},
    {"weir_breaker_openings_total", counter, "upstream,version", "Times that the breaker opened."},
    {"weir_bulkhead_in_use", gauge, "upstream", "Permits taken."},
    {"weir_bulkhead_waiting", gauge, "upstream", "Exchanges waiting for a permit."},
    {"weir_retry_tokens", gauge, "upstream", "Second attempts that the token ratio would allow."},
    {"weir_upstream_latency_seconds", gauge, "upstream,percentile",
     "Latency percentiles on which failover decides."},
    {"weir_access_log_lines_total", counter, "", "Access-log lines handed to the writer."},
    {"weir_access_log_dropped_total", counter, "",
     "Access-log lines dropped because the writer could not keep up."},
    {"weir_access_log_write_errors_total", counter, "",
     "Writes of the access log that failed; the lines in them are lost."},
    {"weir_series_overflow_total", counter, "",
     "Events counted under the label other because the limit of series was reached."},
    {"weir_config_generation", gauge, "", "Generation of the configuration in force."},
    {"weir_config_last_reload_successful", gauge, "",
     "1 when the last attempt to load the configuration succeeded."},
    {"weir_config_reloads_total", counter, "result",
     "Attempts to load the configuration, the first one included."},
    {"weir_build_info", gauge, "version", "Always 1; the labels tell the build."},
    {"process_cpu_seconds_total", counter, "", "User and system time of the process."},
    {"process_resident_memory_bytes", gauge, "", "Resident memory."},
    {"process_virtual_memory_bytes", gauge, "", "Virtual memory."},
    {"process_open_fds", gauge, "", "Open file descriptors."},
    {"process_max_fds", gauge, "", "Limit of open file descriptors."},
    {"process_start_time_seconds", gauge, "", "Start of the process, in Unix time."},
}};

}  // namespace

std::string_view name_of(MetricKind kind) {
  switch (kind) {
    case counter: return "counter";
    case gauge: return "gauge";
    case histogram: return "histogram";
  }
  return "";
}

const FamilyFacts& facts_of(Family family) { return families[static_cast<std::size_t>(family)]; }

std::span<const double> duration_bounds() { return bucket_bounds; }

}  // namespace weir::telemetry
