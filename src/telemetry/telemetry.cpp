#include "weir/telemetry/telemetry.h"

namespace weir::telemetry {

Telemetry::Telemetry(std::string version) : metrics_(std::move(version)) {
  metrics_.add_source([this] {
    const AccessLog::Counts counts = log_.counts();
    return std::vector<Sample>{
        {Family::access_log_lines, {}, static_cast<double>(counts.lines)},
        {Family::access_log_dropped, {}, static_cast<double>(counts.dropped)},
        {Family::access_log_write_errors, {}, static_cast<double>(counts.write_errors)},
    };
  });
}

WorkerTelemetry& Telemetry::add_worker() {
  const std::lock_guard lock{mutex_};
  return *workers_.emplace_back(
      std::make_unique<WorkerTelemetry>(metrics_.add_worker(), log_.add_worker()));
}

}  // namespace weir::telemetry
