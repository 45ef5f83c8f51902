#include "weir/telemetry/metrics.h"

#include <prometheus/text_serializer.h>

#include <charconv>

#include "openmetrics.h"
#include "scrape.h"

namespace weir::telemetry {
namespace {

// The weight of one element of an Accept header; 1 when it has none.
double weight_of(std::string_view element) {
  const auto parameter = element.find("q=");
  if (parameter == std::string_view::npos) return 1;
  const std::string_view text = element.substr(parameter + 2);
  double weight = 1;
  std::from_chars(text.data(), text.data() + text.size(), weight);
  return weight;
}

}  // namespace

Exposition negotiate(std::string_view accept) {
  while (!accept.empty()) {
    const std::string_view element = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), element.size() + 1));
    if (element.find("application/openmetrics-text") == std::string_view::npos) continue;
    if (weight_of(element) > 0) return Exposition::openmetrics;
  }
  return Exposition::prometheus;
}

std::string_view content_type(Exposition exposition) {
  return exposition == Exposition::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

Metrics::Metrics(std::string version, std::size_t series_limit)
    : version_(std::move(version)), series_limit_(series_limit) {}
Metrics::~Metrics() = default;

WorkerMetrics& Metrics::add_worker() {
  const std::lock_guard lock{mutex_};
  return *workers_.emplace_back(std::make_unique<WorkerMetrics>(series_limit_));
}

void Metrics::reloaded(ReloadResult result, std::uint64_t generation) {
  const bool succeeded = result == ReloadResult::success;
  (succeeded ? reloads_succeeded_ : reloads_failed_).fetch_add(1);
  last_reload_succeeded_.store(succeeded);
  generation_.store(generation);
}

void Metrics::tls_reloaded(ReloadResult result, std::uint64_t generation) {
  (result == ReloadResult::success ? tls_reloads_succeeded_ : tls_reloads_failed_).fetch_add(1);
  generation_.store(generation);
}

void Metrics::add_source(SampleSource source) {
  const std::lock_guard lock{mutex_};
  sources_.push_back(std::move(source));
}

std::string Metrics::scrape(Exposition exposition) const {
  const auto families = Scrape{*this}.Collect();
  if (exposition == Exposition::openmetrics) return write_openmetrics(families);
  return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace weir::telemetry
