// One worker's counters: a single writer, read by the scraper at any time.
//
// Warm calls neither allocate nor lock nor use atomic read-modify-write instructions. A label set
// that is new is interned once; beyond the limit of series all further sets share one that is
// labelled `other`. Series are never removed: a counter that vanishes on reload would look like a
// restart.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "weir/telemetry/record.h"

namespace weir::telemetry {

class WorkerMetrics final : public Recorder {
 public:
  struct Shard;

  explicit WorkerMetrics(std::size_t series_limit);
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;
  ~WorkerMetrics() override;

  // Counts everything that a record says, once per exchange.
  void record(const Record& record) override;

  // The gauge of exchanges in flight: one exchange_ended() for every exchange_started().
  void exchange_started(Direction direction) override;
  void exchange_ended(Direction direction) override;

  void tunnel_started(Direction direction) override;
  void connection_detected(Direction direction, std::string_view kind) override;
  void connection_refused(Direction direction, std::string_view reason) override;
  void tls_established(Direction direction, const net::TlsPeer& peer) override;
  void tls_failed(Direction direction, std::string_view reason) override;

  // Connections that callers opened to us.
  void downstream_opened(Direction direction) override;
  void downstream_closed(Direction direction, Closed reason) override;
  // Connections that we opened; reuse is counted from the records.
  void upstream_opened(std::string_view upstream) override;
  void upstream_closed(std::string_view upstream, Closed reason) override;

  // A request that could not be parsed. `reason` is a word of the codec's, from a fixed set.
  void malformed_request(Direction direction, std::string_view reason) override;

  void downstream_flood(Direction direction, std::string_view flood) override;
  void upstream_flood(std::string_view upstream, std::string_view flood) override;
  void upstream_reset_sent(std::string_view upstream) override;

  // For the scraper.
  const Shard& shard() const { return *shard_; }

 private:
  void record_exchange(const Record& record);
  void record_tunnel(const Record& record);
  void record_attempts(const Record& record);
  void record_upstream(const Record& record);
  void record_grpc(const Record& record);
  void record_authorization(const Record& record);
  std::unique_ptr<Shard> shard_;
};

}  // namespace weir::telemetry
