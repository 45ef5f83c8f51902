#include <array>
#include <utility>

#include "weir/admin/pages.h"

namespace weir::admin {
namespace {

using resilience::BreakerState;
using telemetry::Family;
using telemetry::Sample;

void add_endpoint(std::vector<Sample>& result, const std::string& upstream,
                  const cluster::EndpointStatus& endpoint) {
  const std::vector<std::string> labels{upstream, endpoint.facts.address.text(),
                                        endpoint.facts.version, endpoint.facts.zone};
  const bool unwell = endpoint.checked == "unwell";
  if (!endpoint.checked.empty())
    result.push_back({Family::endpoint_well, labels, unwell ? 0.0 : 1.0});
  const std::pair<Family, double> values[] = {
      {Family::endpoint_available, endpoint.health == "ejected" || unwell ? 0 : 1},
      {Family::endpoint_ejections, static_cast<double>(endpoint.ejections)},
      {Family::endpoint_outstanding, static_cast<double>(endpoint.outstanding)},
      {Family::endpoint_latency, seconds(endpoint.latency)},
      {Family::endpoint_errors, endpoint.error_rate},
  };
  for (const auto& [family, value] : values) result.push_back({family, labels, value});
}

}  // namespace

std::vector<Sample> samples(std::span<const cluster::ClusterStatus> upstreams) {
  std::vector<Sample> result;
  for (const auto& upstream : upstreams) {
    for (const auto& endpoint : upstream.endpoints) add_endpoint(result, upstream.name, endpoint);
    for (const auto& breaker : upstream.breakers) {
      for (const auto state : {BreakerState::closed, BreakerState::open, BreakerState::half_open}) {
        result.push_back({Family::breaker_state,
                          {upstream.name, breaker.version, std::string{name_of(state)}},
                          breaker.state == state ? 1.0 : 0.0});
      }
      result.push_back({Family::breaker_openings,
                        {upstream.name, breaker.version},
                        static_cast<double>(breaker.openings)});
    }
    const std::pair<Family, double> values[] = {
        {Family::ejections, static_cast<double>(upstream.ejections)},
        {Family::bulkhead_in_use, static_cast<double>(upstream.concurrent)},
        {Family::bulkhead_waiting, static_cast<double>(upstream.waiting)},
        {Family::retry_tokens, upstream.retry_tokens},
    };
    for (const auto& [family, value] : values) result.push_back({family, {upstream.name}, value});
    const std::pair<const char*, Duration> percentiles[] = {{"50", upstream.latency.median},
                                                            {"95", upstream.latency.p95},
                                                            {"99", upstream.latency.p99}};
    for (const auto& [percentile, latency] : percentiles) {
      result.push_back({Family::upstream_latency, {upstream.name, percentile}, seconds(latency)});
    }
  }
  return result;
}

}  // namespace weir::admin
