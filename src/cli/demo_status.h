// What a sidecar says of itself on its admin listener, as far as the demo shows it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/time.h"

namespace weir::cli {

struct EndpointReport {
  std::string address;
  std::string health;  // healthy, ejected, probing, ramping
  Duration ejected_for{};
  Duration latency{};
};

struct SidecarReport {
  bool ready = false;
  std::uint64_t generation = 0;
  std::uint64_t failovers = 0;
  std::uint64_t failovers_saved = 0;
  std::uint64_t expired = 0;
  double unproductive_seconds = 0;
  std::vector<EndpointReport> endpoints;  // of all its upstreams
};

// Reads /status.json; nullopt when it is not what weir writes.
std::optional<SidecarReport> read_status(const std::string& json);

// Reads weir_failover_refused_total from /metrics: how often by reason, without zeros.
using Refusals = std::map<std::string, std::uint64_t>;
Refusals read_refusals(std::string_view metrics);

}  // namespace weir::cli
