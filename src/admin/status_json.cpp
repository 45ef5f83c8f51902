#include <fmt/chrono.h>

#include <boost/json.hpp>

#include "weir/admin/pages.h"

namespace weir::admin {
namespace {

using boost::json::array;
using boost::json::object;

double milliseconds(Duration duration) { return seconds(duration) * 1000; }

object of_causes(const telemetry::Totals& totals) {
  object causes;
  for (std::size_t source = 0; source < totals.causes.size(); ++source) {
    causes[name_of(static_cast<telemetry::CauseSource>(source))] = totals.causes[source];
  }
  return causes;
}

object of_budget_sources(const telemetry::Totals& totals) {
  object directions;
  for (const auto direction : {telemetry::Direction::inbound, telemetry::Direction::outbound}) {
    const auto& counts = totals.budget_sources[static_cast<std::size_t>(direction)];
    object sources;
    for (std::size_t source = 0; source < counts.size(); ++source) {
      sources[name_of(static_cast<resilience::BudgetSource>(source))] = counts[source];
    }
    directions[name_of(direction)] = std::move(sources);
  }
  return directions;
}

object of(const telemetry::Totals& totals) {
  return {{"requests", totals.requests},
          {"failures", totals.failures},
          {"failovers", totals.failovers},
          {"failovers_saved", totals.failovers_saved},
          {"failovers_refused", totals.failovers_refused},
          {"fallbacks", totals.fallbacks},
          {"expired", totals.expired},
          {"unproductive_seconds", totals.unproductive_seconds},
          {"late_responses", totals.late_responses},
          {"causes", of_causes(totals)},
          {"cascaded_cancellations",
           {{"cancelled", totals.cascade_cancelled}, {"refused", totals.cascade_refused}}},
          {"budget_sources", of_budget_sources(totals)},
          {"request_bytes", totals.request_bytes},
          {"response_bytes", totals.response_bytes},
          {"inbound_in_flight", totals.inbound_in_flight},
          {"outbound_in_flight", totals.outbound_in_flight},
          {"downstream_connections", totals.downstream_connections},
          {"upstream_connections", totals.upstream_connections}};
}

object of(const cluster::EndpointStatus& endpoint) {
  return {{"address", endpoint.facts.address.text()},
          {"version", endpoint.facts.version},
          {"zone", endpoint.facts.zone},
          {"health", endpoint.health},
          {"checked", endpoint.checked},
          {"ejected_for_ms", milliseconds(endpoint.ejected_for)},
          {"outstanding", endpoint.outstanding},
          {"latency_ms", milliseconds(endpoint.latency)},
          {"error_rate", endpoint.error_rate},
          {"ejections", endpoint.ejections}};
}

object of(const cluster::ClusterStatus& upstream) {
  array endpoints;
  for (const auto& endpoint : upstream.endpoints) endpoints.push_back(of(endpoint));
  array breakers;
  for (const auto& breaker : upstream.breakers) {
    breakers.push_back(object{{"version", breaker.version},
                              {"state", resilience::name_of(breaker.state)},
                              {"openings", breaker.openings}});
  }
  return {{"name", upstream.name},
          {"endpoints", std::move(endpoints)},
          {"breakers", std::move(breakers)},
          {"median_ms", milliseconds(upstream.latency.median)},
          {"p95_ms", milliseconds(upstream.latency.p95)},
          {"p99_ms", milliseconds(upstream.latency.p99)},
          {"ejections", upstream.ejections},
          {"retry_tokens", upstream.retry_tokens},
          {"concurrent", upstream.concurrent},
          {"waiting", upstream.waiting}};
}

object of(const InFlight& exchange) {
  return {{"id", exchange.id},
          {"direction", telemetry::name_of(exchange.direction)},
          {"request", exchange.request},
          {"route", exchange.route},
          {"upstream", exchange.upstream},
          {"state", exchange.state},
          {"age_ms", milliseconds(exchange.age)},
          {"budget_ms", milliseconds(exchange.budget)},
          {"budget_left_ms", milliseconds(exchange.budget_left)}};
}

object of(const GenerationEntry& entry) {
  const bool success = entry.result == telemetry::ReloadResult::success;
  const auto at = std::chrono::floor<std::chrono::seconds>(entry.at);
  return {{"generation", entry.generation},
          {"at", fmt::format("{:%FT%T}Z", at)},
          {"result", success ? "success" : "failure"},
          {"note", entry.note}};
}

template <class Items>
array list_of(const Items& items) {
  array list;
  for (const auto& item : items) list.push_back(of(item));
  return list;
}

}  // namespace

std::string status_json(const View& view) {
  const object status{{"weir", view.weir_version},
                      {"service",
                       {{"name", view.service.name},
                        {"version", view.service.version},
                        {"zone", view.service.zone}}},
                      {"phase", name_of(view.phase)},
                      {"phase_reason", view.phase_reason},
                      {"generation", view.generation},
                      {"uptime_seconds", seconds(view.uptime)},
                      {"workers", view.workers},
                      {"inbound", view.inbound},
                      {"outbound", view.outbound},
                      {"totals", of(view.totals)},
                      {"upstreams", list_of(view.upstreams)},
                      {"in_flight", list_of(view.in_flight)},
                      {"history", list_of(view.history)}};
  return boost::json::serialize(status);
}

}  // namespace weir::admin
