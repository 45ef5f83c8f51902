// A view with something of everything in it.
#pragma once

#include "weir/admin/view.h"

namespace weir::admin {

inline cluster::EndpointStatus sample_endpoint(const char* address, const char* version,
                                               const char* health) {
  cluster::EndpointStatus endpoint;
  endpoint.facts.address = Address::parse(address).value();
  endpoint.facts.version = version;
  endpoint.facts.zone = "eu-west-1a";
  endpoint.health = health;
  endpoint.outstanding = 3;
  endpoint.latency = std::chrono::microseconds{12'400};
  endpoint.error_rate = 0.002;
  return endpoint;
}

inline View sample_view() {
  using std::chrono::milliseconds;
  View view;
  view.weir_version = "0.1.0";
  view.service = {"orders", "2.3", "eu-west-1a"};
  view.phase = Phase::ready;
  view.generation = 4;
  view.uptime = std::chrono::hours{27};
  view.workers = 2;
  view.inbound = "0.0.0.0:15006";
  view.outbound = "127.0.0.1:15001";
  view.totals = {.requests = 1'283'467,
                 .failures = 412,
                 .failovers = 1893,
                 .failovers_saved = 1871,
                 .failovers_refused = 77,
                 .fallbacks = 23,
                 .expired = 9,
                 .unproductive_seconds = 12.4,
                 .late_responses = 31,
                 .causes = {3'104, 587'201, 0, 41'877, 9'310, 412},
                 .cascade_cancelled = 61,
                 .cascade_refused = 7,
                 .budget_sources = {{{588'127, 0, 0, 0, 53'436, 0},
                                     {1'204, 9'822, 570'033, 48'102, 12'743, 0}}},
                 .inbound_in_flight = 14,
                 .outbound_in_flight = 21,
                 .downstream_connections = 48,
                 .upstream_connections = 37};
  cluster::ClusterStatus catalog;
  catalog.name = "catalog";
  catalog.endpoints = {sample_endpoint("10.0.0.4:8080", "v1", "healthy"),
                       sample_endpoint("10.0.0.9:8080", "v1", "ramping"),
                       sample_endpoint("10.0.0.11:8080", "v2", "ejected")};
  catalog.endpoints[0].checked = "well";
  catalog.endpoints[1].checked = "unwell";
  catalog.endpoints[1].latency = milliseconds{31};
  catalog.endpoints[2].latency = milliseconds{187};
  catalog.endpoints[2].error_rate = 0.64;
  catalog.endpoints[2].ejections = 3;
  catalog.endpoints[2].ejected_for = milliseconds{3200};
  catalog.endpoints[2].outstanding = 0;
  catalog.breakers = {{"v1", resilience::BreakerState::closed, 0},
                      {"v2", resilience::BreakerState::half_open, 2}};
  catalog.latency = {.samples = 900,
                     .median = milliseconds{11},
                     .p95 = milliseconds{44},
                     .p99 = milliseconds{120}};
  catalog.retry_tokens = 41.5;
  catalog.concurrent = 9;
  catalog.ejections = 5;
  view.upstreams = {catalog};
  view.in_flight = {{.id = 91'827,
                     .direction = telemetry::Direction::inbound,
                     .request = "POST /orders",
                     .route = "application",
                     .upstream = "application",
                     .state = "attempt 1",
                     .age = milliseconds{212},
                     .budget = milliseconds{800},
                     .budget_left = milliseconds{588}},
                    {.id = 91'828,
                     .direction = telemetry::Direction::outbound,
                     .request = "GET /v1/items?q=<script>alert(1)</script>",
                     .route = "catalog-v1",
                     .upstream = "catalog",
                     .state = "attempt 2",
                     .age = milliseconds{219},
                     .budget = milliseconds{250},
                     .budget_left = milliseconds{31}}};
  const WallTime at{std::chrono::seconds{1'792'549'800}};
  view.history = {{4, at, telemetry::ReloadResult::success, "route catalog-v1: v2 5 % -> 10 %"},
                  {3, at - std::chrono::minutes{2}, telemetry::ReloadResult::failure,
                   "orders.yaml:31:14: shares add up to 105 %"},
                  {3, at - std::chrono::hours{3}, telemetry::ReloadResult::success,
                   "upstream catalog: endpoint 10.0.0.11:8080 added"}};
  return view;
}

}  // namespace weir::admin
