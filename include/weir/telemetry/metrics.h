// What weir counts, in Prometheus' terms. docs/metrics.md is the reference; a test compares them.
//
// Every worker counts into a shard of its own with plain stores; a scrape adds the shards up on
// whatever thread asks for it. Labels come from configuration and from enumerations, never from
// requests, and every table of series has a limit besides.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/time.h"
#include "weir/telemetry/family.h"
#include "weir/telemetry/worker_metrics.h"

namespace weir::telemetry {

// The text formats of a scrape: Prometheus' 0.0.4 and OpenMetrics 1.0.
enum class Exposition : std::uint8_t { prometheus, openmetrics };
// OpenMetrics when the Accept header takes it, else Prometheus' own.
Exposition negotiate(std::string_view accept);
std::string_view content_type(Exposition exposition);

// One value that somebody else measures at the time of a scrape. `labels` are the values of the
// family's labels, in order; histograms cannot be given this way.
struct Sample {
  Family family;
  std::vector<std::string> labels;
  double value = 0;
};
// Called on the scraping thread, one scrape at a time.
using SampleSource = std::function<std::vector<Sample>()>;

enum class ReloadResult : std::uint8_t { success, failure };

// The sums that the admin page shows.
struct Totals {
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;  // 5xx, or nothing could be sent
  std::uint64_t failovers = 0;
  std::uint64_t failovers_saved = 0;  // the second attempt gave a good response
  std::uint64_t failovers_refused = 0;
  std::uint64_t fallbacks = 0;
  std::uint64_t expired = 0;
  double unproductive_seconds = 0;
  std::uint64_t late_responses = 0;
  std::array<std::uint64_t, cause_source_count> causes{};  // of outbound calls
  // Calls that were given up with the request that had caused them: on their way, or unsent.
  std::uint64_t cascade_cancelled = 0;
  std::uint64_t cascade_refused = 0;
  std::array<std::array<std::uint64_t, budget_source_count>, direction_count> budget_sources{};
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  std::uint64_t inbound_in_flight = 0;
  std::uint64_t outbound_in_flight = 0;
  std::uint64_t downstream_connections = 0;
  std::uint64_t upstream_connections = 0;
};

// The process's metrics. Thread-safe; lives longer than the workers that count into it.
class Metrics {
 public:
  static constexpr std::size_t default_series_limit = 2'000;  // per table and worker

  explicit Metrics(std::string version, std::size_t series_limit = default_series_limit);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  // A shard for one worker, owned here, so that what it counted outlives the worker.
  WorkerMetrics& add_worker();

  // The first load counts as a reload too. `generation` is the one in force afterwards.
  void reloaded(ReloadResult result, std::uint64_t generation);
  // Certificates were loaded, or could not be.
  void tls_reloaded(ReloadResult result, std::uint64_t generation);
  // Asked at every scrape from now on; what it refers to must live until the last scrape.
  void add_source(SampleSource source);

  // Allocates, takes milliseconds: never on an event loop.
  std::string scrape(Exposition exposition) const;
  Totals totals() const;

 private:
  class Scrape;
  const std::string version_;
  const std::size_t series_limit_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<WorkerMetrics>> workers_;
  std::vector<SampleSource> sources_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::uint64_t> reloads_succeeded_{0};
  std::atomic<std::uint64_t> reloads_failed_{0};
  std::atomic<std::uint64_t> tls_reloads_succeeded_{0};
  std::atomic<std::uint64_t> tls_reloads_failed_{0};
  std::atomic<bool> last_reload_succeeded_{true};
};

}  // namespace weir::telemetry
