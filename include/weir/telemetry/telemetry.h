// Metrics and access log of one process, and one worker's part in them.
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/telemetry/access_log.h"
#include "weir/telemetry/metrics.h"
#include "weir/telemetry/record.h"
#include "weir/telemetry/worker_metrics.h"

namespace weir::telemetry {

// Takes one worker's records. Used on that worker's thread only; lives as long as the Telemetry.
class WorkerTelemetry final : public Recorder {
 public:
  WorkerTelemetry(WorkerMetrics& metrics, LogProducer& log) : metrics_(metrics), log_(log) {}

  void record(const Record& record) override {
    metrics_.record(record);
    log_.write(record);
  }
  void exchange_started(Direction direction) override { metrics_.exchange_started(direction); }
  void exchange_ended(Direction direction) override { metrics_.exchange_ended(direction); }
  void tunnel_started(Direction direction) override { metrics_.tunnel_started(direction); }
  void connection_detected(Direction direction, std::string_view kind) override {
    metrics_.connection_detected(direction, kind);
  }
  void connection_refused(Direction direction, std::string_view reason) override {
    metrics_.connection_refused(direction, reason);
  }
  void tls_established(Direction direction, const net::TlsPeer& peer) override {
    metrics_.tls_established(direction, peer);
  }
  void tls_failed(Direction direction, std::string_view reason) override {
    metrics_.tls_failed(direction, reason);
  }
  void downstream_opened(Direction direction) override { metrics_.downstream_opened(direction); }
  void downstream_closed(Direction direction, Closed reason) override {
    metrics_.downstream_closed(direction, reason);
  }
  void upstream_opened(std::string_view upstream) override { metrics_.upstream_opened(upstream); }
  void upstream_closed(std::string_view upstream, Closed reason) override {
    metrics_.upstream_closed(upstream, reason);
  }
  void malformed_request(Direction direction, std::string_view reason) override {
    metrics_.malformed_request(direction, reason);
  }
  void downstream_flood(Direction direction, std::string_view flood) override {
    metrics_.downstream_flood(direction, flood);
  }
  void upstream_flood(std::string_view upstream, std::string_view flood) override {
    metrics_.upstream_flood(upstream, flood);
  }
  void upstream_reset_sent(std::string_view upstream) override {
    metrics_.upstream_reset_sent(upstream);
  }

 private:
  WorkerMetrics& metrics_;
  LogProducer& log_;
};

class Telemetry {
 public:
  // `version` is weir's own, for weir_build_info. Nothing is logged before configure().
  explicit Telemetry(std::string version);

  // At start and at every reload; the error is a sentence for the operator and changes nothing.
  std::expected<void, std::string> configure(const policy::AccessLog& policy) {
    return log_.configure(policy);
  }
  // After log rotation.
  std::expected<void, std::string> reopen_log() { return log_.reopen(); }

  WorkerTelemetry& add_worker();
  Metrics& metrics() { return metrics_; }
  const Metrics& metrics() const { return metrics_; }

  // Once the workers have ended: writes out the log, within `limit`.
  void stop(Duration limit) { log_.stop(limit); }

 private:
  Metrics metrics_;
  AccessLog log_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<WorkerTelemetry>> workers_;
};

}  // namespace weir::telemetry
