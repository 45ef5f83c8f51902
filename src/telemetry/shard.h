// Everything that one worker counts.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "series_table.h"
#include "weir/http/grpc.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/failover.h"
#include "weir/resilience/outcome.h"
#include "weir/telemetry/worker_metrics.h"

namespace weir::telemetry {

// From half a millisecond, below which a sidecar's own cost dominates, to the usual largest budget.
inline constexpr std::array<double, 15> bucket_bounds{
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

class DurationHistogram {
 public:
  void observe(Duration duration) {
    const auto place = std::ranges::lower_bound(bucket_bounds, seconds(duration));
    counts_[static_cast<std::size_t>(place - bucket_bounds.begin())].add();
    sum_ns_.add(static_cast<std::uint64_t>(std::max(duration, Duration::zero()).count()));
  }
  // Not cumulative; the last one is beyond every bound.
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
  double sum_seconds() const { return static_cast<double>(sum_ns_.value()) / 1e9; }

 private:
  std::array<Count, bucket_bounds.size() + 1> counts_;
  Count sum_ns_;
};

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

// Those that were made.
std::span<const AttemptRecord> attempts_of(const Record& record);

struct ExchangeValues {
  std::array<std::array<Count, failure_count>, status_classes.size()> ended;
  DurationHistogram duration;
  DurationHistogram first_byte;
  Count request_bytes;
  Count response_bytes;
  Count fallbacks;
  // Outbound only.
  std::array<Count, cause_source_count> causes;
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
  // By Direction, Unproductive and Work.
  std::array<std::array<std::array<SunkValues, work_count>, unproductive_count>, direction_count>
      sunk;
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

struct ListenerValues {
  ListenerValues(std::size_t limit, Count& overflow)
      : exchanges(limit, overflow),
        grpc(limit, overflow),
        malformed_requests(limit, overflow),
        floods(limit, overflow) {}

  SeriesTable<3, ExchangeValues> exchanges;  // route, upstream, version
  SeriesTable<3, GrpcValues> grpc;           // upstream, service, method
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

struct WorkerMetrics::Shard {
  explicit Shard(std::size_t limit)
      : listeners{{{limit, overflow}, {limit, overflow}}},
        attempts(limit, overflow),
        upstreams(limit, overflow),
        upstream_floods(limit, overflow) {}

  ListenerValues& listener(Direction direction) { return listeners[index_of(direction)]; }

  Count overflow;
  std::array<ListenerValues, direction_count> listeners;  // by Direction
  SeriesTable<2, AttemptValues> attempts;                 // upstream, version
  SeriesTable<1, UpstreamValues> upstreams;
  SeriesTable<2, Count> upstream_floods;  // upstream, reason
};

}  // namespace weir::telemetry
