// One scrape: the shards of all workers added up into prometheus-cpp's families.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shard.h"
#include "weir/telemetry/metrics.h"

namespace weir::telemetry {

class FamilyBuilder {
 public:
  // Adds to the series; series of families of kind counter and gauge.
  void add(Family family, std::initializer_list<std::string_view> labels, double value);
  void add(Family family, std::vector<std::string> labels, double value);
  void observe(Family family, std::initializer_list<std::string_view> labels,
               const DurationHistogram& histogram);
  // Families without series are left out.
  std::vector<prometheus::MetricFamily> build() const;

 private:
  struct Value {
    double number = 0;
    std::array<std::uint64_t, bucket_bounds.size() + 1> counts{};
  };
  static prometheus::ClientMetric client_metric(MetricKind kind, const Value& value);
  std::array<std::map<std::vector<std::string>, Value>, family_count> series_;
};

class Metrics::Scrape final : public prometheus::Collectable {
 public:
  // Holds the lock of `metrics` while it collects.
  explicit Scrape(const Metrics& metrics) : metrics_(metrics) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Metrics& metrics_;
};

}  // namespace weir::telemetry
