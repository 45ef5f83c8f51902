#include <limits>

#include "scrape.h"

namespace weir::telemetry {
namespace {

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> result;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    result.emplace_back(name);
    names.remove_prefix(std::min(names.size(), name.size() + 1));
  }
  return result;
}

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return prometheus::MetricType::Counter;
    case MetricKind::gauge: return prometheus::MetricType::Gauge;
    case MetricKind::histogram: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

std::vector<std::string> owned(std::initializer_list<std::string_view> labels) {
  return {labels.begin(), labels.end()};
}

}  // namespace

void FamilyBuilder::add(Family family, std::initializer_list<std::string_view> labels,
                        double value) {
  add(family, owned(labels), value);
}

void FamilyBuilder::add(Family family, std::vector<std::string> labels, double value) {
  series_[index_of(family)][std::move(labels)].number += value;
}

void FamilyBuilder::observe(Family family, std::initializer_list<std::string_view> labels,
                            const DurationHistogram& histogram) {
  Value& value = series_[index_of(family)][owned(labels)];
  value.number += histogram.sum_seconds();
  for (std::size_t bucket = 0; bucket < value.counts.size(); ++bucket) {
    value.counts[bucket] += histogram.count(bucket);
  }
}

prometheus::ClientMetric FamilyBuilder::client_metric(MetricKind kind, const Value& value) {
  prometheus::ClientMetric metric;
  switch (kind) {
    case MetricKind::counter: metric.counter.value = value.number; break;
    case MetricKind::gauge: metric.gauge.value = value.number; break;
    case MetricKind::histogram: {
      auto& histogram = metric.histogram;
      for (std::size_t bucket = 0; bucket < value.counts.size(); ++bucket) {
        histogram.sample_count += value.counts[bucket];
        histogram.bucket.push_back(
            {histogram.sample_count, bucket < bucket_bounds.size()
                                         ? bucket_bounds[bucket]
                                         : std::numeric_limits<double>::infinity()});
      }
      histogram.sample_sum = value.number;
      break;
    }
  }
  return metric;
}

std::vector<prometheus::MetricFamily> FamilyBuilder::build() const {
  std::vector<prometheus::MetricFamily> families;
  for (std::size_t index = 0; index < family_count; ++index) {
    if (series_[index].empty()) continue;
    const FamilyFacts& facts = facts_of(static_cast<Family>(index));
    const auto names = split(facts.labels);
    auto& family = families.emplace_back();
    family.name = facts.name;
    family.help = facts.help;
    family.type = type_of(facts.kind);
    for (const auto& [labels, value] : series_[index]) {
      auto metric = client_metric(facts.kind, value);
      for (std::size_t label = 0; label < std::min(names.size(), labels.size()); ++label) {
        metric.label.push_back({names[label], labels[label]});
      }
      family.metric.push_back(std::move(metric));
    }
  }
  return families;
}

}  // namespace weir::telemetry
