// Everything that one worker counts.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "duration_histogram.h"
#include "series_table.h"
#include "weir/http/grpc.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/failover.h"
#include "weir/resilience/outcome.h"
#include "weir/telemetry/worker_metrics.h"

namespace weir::telemetry {

inline constexpr std::size_t failure_count =
    static_cast<std::size_t>(resilience::Failure::internal) + 1;
inline constexpr std::array<std::string_view, 6> status_classes{"none", "1xx", "2xx",
                                                                "3xx",  "4xx", "5xx"};
inline constexpr std::size_t grpc_statuses = http::grpc_status_count;
// Methods that get series of their own, per direction and worker. Their names come from callers.
inline constexpr std::size_t grpc_method_limit = 200;

inline std::size_t status_class(std::uint16_t status) {
  return status < 100 || status > 599 ? 0 : status / 100U;
}
template <class Enumeration>
constexpr std::size_t index_of(Enumeration value) {
  return static_cast<std::size_t>(value);
}

// A call that was given up with the request that had caused it: on its way, or before it was sent.
enum class Cascade : std::uint8_t { cancelled, refused };
inline constexpr std::array<std::string_view, 2> cascades{"cancelled", "refused"};

enum class Result : std::uint8_t { success, failure };
inline constexpr std::array<std::string_view, 2> results{"success", "failure"};

inline constexpr std::array<std::string_view, 2> tls_versions{"1.2", "1.3"};

// Those that were made.
std::span<const AttemptRecord> attempts_of(const Record& record);

struct ExchangeValues {
  std::array<std::array<Count, failure_count>, status_classes.size()> ended;
  DurationHistogram duration;
  DurationHistogram first_byte;
  Count request_bytes;
  Count response_bytes;
  Count fallbacks;
  std::array<Count, cause_source_count> causes;  // outbound only, as the next
  std::array<Count, cascades.size()> cascaded;
};

// Attempts that were in vain.
struct SunkValues {
  Count nanoseconds;
  Count attempts;
};

struct AttemptValues {
  std::array<Count, status_classes.size()> responses;
  std::array<Count, failure_count> failures;
  DurationHistogram duration;
  using Sunk = std::array<std::array<SunkValues, work_count>, unproductive_count>;
  std::array<Sunk, direction_count> sunk;  // by Direction, Unproductive and Work
};

struct UpstreamValues {
  std::array<Count, results.size()> failovers;
  std::array<Count, results.size()> hedges;
  std::array<Count, resilience::refusal_count> refused;
  std::array<Count, grpc_statuses + 1> grpc;  // the last slot is every other code
  Count resets_sent;
  Count opened;
  std::array<Count, closed_count> closed;
  Count reused;
};

struct GrpcValues {
  std::array<Count, grpc_statuses + 2> ended;  // then every other code, then none at all
  DurationHistogram duration;
};

struct TunnelValues {
  std::array<Count, tunnel_end_count> ended;
  Count from_caller;
  Count from_upstream;
};

struct ListenerValues {
  ListenerValues(std::size_t limit, Count& overflow)
      : exchanges(limit, overflow),
        grpc(limit, overflow),
        tunnels(limit, overflow),
        detected(limit, overflow),
        refused(limit, overflow),
        handshake_failures(limit, overflow),
        malformed_requests(limit, overflow),
        floods(limit, overflow) {}

  SeriesTable<3, ExchangeValues> exchanges;                          // route, upstream, version
  SeriesTable<3, GrpcValues> grpc;                                   // upstream, service, method
  SeriesTable<1, TunnelValues> tunnels;                              // upstream
  SeriesTable<1, Count> detected;                                    // kind
  SeriesTable<1, Count> refused;                                     // reason
  std::array<std::array<Count, 2>, tls_versions.size()> handshakes;  // by version and resumption
  SeriesTable<1, Count> handshake_failures;                          // reason
  Count tunnels_started;
  Count tunnels_ended;
  std::size_t grpc_methods = 0;              // of those in `grpc`; the writer's
  SeriesTable<1, Count> malformed_requests;  // reason
  SeriesTable<1, Count> floods;              // reason
  std::array<Count, budget_source_count> budget_source;
  DurationHistogram budget;
  DurationHistogram budget_left;
  Count malformed_grants;
  Count expired;
  Count started;
  Count ended;
  Count opened;
  std::array<Count, closed_count> closed;
};

// Identities that get series of their own, per worker.
inline constexpr std::size_t caller_limit = 100;
using AuthorizationCounts = std::array<Count, authorization_verdict_count>;

struct WorkerMetrics::Shard {
  explicit Shard(std::size_t limit)
      : listeners{{{limit, overflow}, {limit, overflow}}},
        attempts(limit, overflow),
        upstreams(limit, overflow),
        callers(limit, overflow),
        upstream_floods(limit, overflow) {}

  ListenerValues& listener(Direction direction) { return listeners[index_of(direction)]; }

  Count overflow;
  std::array<ListenerValues, direction_count> listeners;  // by Direction
  SeriesTable<2, AttemptValues> attempts;                 // upstream, version
  SeriesTable<1, UpstreamValues> upstreams;
  SeriesTable<1, AuthorizationCounts> callers;  // identity
  std::size_t known_callers = 0;                // of those in `callers`; the writer's
  SeriesTable<2, Count> upstream_floods;        // upstream, reason
};

}  // namespace weir::telemetry
