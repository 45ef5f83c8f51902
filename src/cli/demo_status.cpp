#include "cli/demo_status.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <exception>

namespace weir::cli {
namespace {

using boost::json::object;

Duration milliseconds_of(const boost::json::value& value) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::milli>{value.to_number<double>()});
}

EndpointReport endpoint_of(const object& endpoint) {
  return {.address = std::string{endpoint.at("address").as_string()},
          .health = std::string{endpoint.at("health").as_string()},
          .ejected_for = milliseconds_of(endpoint.at("ejected_for_ms")),
          .latency = milliseconds_of(endpoint.at("latency_ms"))};
}

SidecarReport report_of(const object& status) {
  const auto& totals = status.at("totals").as_object();
  const auto count = [&](std::string_view key) {
    return totals.at(key).to_number<std::uint64_t>();
  };
  SidecarReport report{
      .ready = status.at("phase").as_string() == "ready",
      .generation = status.at("generation").to_number<std::uint64_t>(),
      .failovers = count("failovers"),
      .failovers_saved = count("failovers_saved"),
      .expired = count("expired"),
      .unproductive_seconds = totals.at("unproductive_seconds").to_number<double>(),
      .endpoints = {}};
  for (const auto& upstream : status.at("upstreams").as_array()) {
    for (const auto& endpoint : upstream.as_object().at("endpoints").as_array()) {
      report.endpoints.push_back(endpoint_of(endpoint.as_object()));
    }
  }
  return report;
}

// The value of a label of a sample; empty without it.
std::string_view label(std::string_view sample, std::string_view name) {
  const auto start = sample.find(std::string{name} + "=\"");
  if (start == sample.npos) return {};
  sample.remove_prefix(start + name.size() + 2);
  return sample.substr(0, sample.find('"'));
}

}  // namespace

// Boost.JSON throws when something is missing or of another kind.
std::optional<SidecarReport> read_status(const std::string& json) {
  try {
    return report_of(boost::json::parse(json).as_object());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Refusals read_refusals(std::string_view metrics) {
  constexpr std::string_view name = "weir_failover_refused_total{";
  Refusals refusals;
  while (!metrics.empty()) {
    const auto end = std::min(metrics.find('\n'), metrics.size());
    const auto line = metrics.substr(0, end);
    metrics.remove_prefix(std::min(end + 1, metrics.size()));
    if (!line.starts_with(name)) continue;
    const auto number = line.substr(line.rfind(' ') + 1);
    double count = 0;
    std::from_chars(number.data(), number.data() + number.size(), count);
    if (count > 0)
      refusals[std::string{label(line, "reason")}] += static_cast<std::uint64_t>(count);
  }
  return refusals;
}

}  // namespace weir::cli
