// The OpenMetrics 1.0 text format, which prometheus-cpp cannot write.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace weir::telemetry {

std::string write_openmetrics(const std::vector<prometheus::MetricFamily>& families);

}  // namespace weir::telemetry
