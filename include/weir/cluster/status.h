// What operators see of an upstream: copies, taken under the cluster's lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/time.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/breaker.h"
#include "weir/resilience/latency.h"

namespace weir::cluster {

struct EndpointStatus {
  policy::Endpoint facts;
  std::string health;   // healthy, ejected, probing, ramping
  std::string checked;  // by health checks: well or unwell; empty without a verdict
  Duration ejected_for{};
  std::uint32_t outstanding = 0;
  Duration latency{};  // peak EWMA; zero before the first answer
  double error_rate = 0;
  std::uint64_t ejections = 0;
};

struct BreakerStatus {
  std::string version;  // empty: the unversioned endpoints
  resilience::BreakerState state = resilience::BreakerState::closed;
  std::uint64_t openings = 0;
};

struct ClusterStatus {
  std::string name;
  std::vector<EndpointStatus> endpoints;
  std::vector<BreakerStatus> breakers;
  resilience::LatencyView latency;
  std::uint64_t ejections = 0;  // since the start, of endpoints that have gone as well
  double retry_tokens = 0;
  std::uint32_t concurrent = 0;
  std::uint32_t waiting = 0;
};

}  // namespace weir::cluster
