// What the admin pages show: one moment of the process, copied, so that pages are pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/time.h"
#include "weir/cluster/status.h"
#include "weir/policy/service.h"
#include "weir/telemetry/metrics.h"
#include "weir/telemetry/record.h"

namespace weir::admin {

enum class Phase : std::uint8_t { starting, ready, draining };
std::string_view name_of(Phase phase);

// An exchange that has not ended.
struct InFlight {
  std::uint64_t id = 0;  // unique in the process
  telemetry::Direction direction = telemetry::Direction::outbound;
  std::string request;  // "GET /v1/items", cut to a sensible length
  std::string route;
  std::string upstream;
  std::string state;  // a word of the exchange's own: queued, attempt 1, relaying ...
  Duration age{};
  Duration budget{};
  Duration budget_left{};
};

// One attempt to load a configuration.
struct GenerationEntry {
  std::uint64_t generation = 0;  // in force afterwards
  WallTime at;
  telemetry::ReloadResult result = telemetry::ReloadResult::success;
  std::string note;  // what changed, or the first mistake
};

struct View {
  std::string weir_version;
  policy::Identity service;
  Phase phase = Phase::starting;
  std::string phase_reason;  // why not ready; may be empty
  std::uint64_t generation = 0;
  Duration uptime{};
  std::uint32_t workers = 1;
  std::string inbound;   // the listener's address; empty without one
  std::string outbound;  // likewise
  telemetry::Totals totals;
  std::vector<cluster::ClusterStatus> upstreams;
  std::vector<InFlight> in_flight;       // the oldest first, at most as many as should be shown
  std::vector<GenerationEntry> history;  // the newest first
};

}  // namespace weir::admin
