// The catalogue of metrics: names, types and labels are a promise to every dashboard and alert.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::telemetry {

enum class Family : std::uint8_t {
  requests,
  request_duration,
  first_byte,
  request_bytes,
  response_bytes,
  fallbacks,
  exchanges_in_flight,
  attempts,
  attempt_duration,
  failovers,
  failover_refused,
  hedges,
  unproductive,
  late_responses,
  grpc_responses,
  grpc_requests,
  grpc_request_duration,
  budget_source,
  budget,
  budget_left,
  causes,
  cascaded,
  malformed_grants,
  expired,
  malformed_requests,
  connections_detected,
  connections_refused,
  tls_handshakes,
  tls_handshake_failures,
  tls_certificate_expiry,
  tls_reloads,
  authorization,
  tunnels,
  tunnels_open,
  tunnel_bytes,
  downstream_opened,
  downstream_closed,
  downstream_open,
  downstream_floods,
  upstream_opened,
  upstream_closed,
  upstream_reused,
  upstream_open,
  upstream_floods,
  upstream_resets_sent,
  endpoint_available,
  endpoint_well,
  endpoint_ejections,
  endpoint_outstanding,
  endpoint_latency,
  endpoint_errors,
  ejections,
  breaker_state,
  breaker_openings,
  bulkhead_in_use,
  bulkhead_waiting,
  retry_tokens,
  upstream_latency,
  access_log_lines,
  access_log_dropped,
  access_log_write_errors,
  series_overflow,
  config_generation,
  config_last_reload,
  config_reloads,
  build_info,
  process_cpu,
  process_resident,
  process_virtual,
  process_open_descriptors,
  process_max_descriptors,
  process_start
};
inline constexpr std::size_t family_count = static_cast<std::size_t>(Family::process_start) + 1;

enum class MetricKind : std::uint8_t { counter, gauge, histogram };
std::string_view name_of(MetricKind kind);

struct FamilyFacts {
  std::string_view name;  // counters end in _total
  MetricKind kind;
  std::string_view labels;  // names in order, separated by commas
  std::string_view help;
};
const FamilyFacts& facts_of(Family family);

// Upper bounds of the buckets of every histogram, in seconds.
std::span<const double> duration_bounds();

}  // namespace weir::telemetry
