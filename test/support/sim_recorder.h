// A recorder that keeps copies of everything it was told.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "support/sim_scope.h"
#include "support/sim_world.h"
#include "weir/telemetry/record.h"

namespace weir::sim {

// A record whose texts have been copied, with the instant at which it came.
struct Kept {
  telemetry::Record facts;  // its views are empty
  std::string target;
  std::string route;
  std::string upstream;
  std::string version;
  std::string request_id;
  std::string authority;
  std::array<std::string, 3> attempt_upstreams;
  Instant at;

  Instant began() const { return at - facts.elapsed; }
  Instant deadline() const { return began() + facts.budget; }
  const telemetry::AttemptRecord& attempt(std::size_t index) const {
    return facts.attempts.at(index);
  }
};

class RecordingRecorder final : public telemetry::Recorder {
 public:
  explicit RecordingRecorder(World& world) : world_(world) {}

  void record(const telemetry::Record& record) override;
  void exchange_started(telemetry::Direction) override { ++started; }
  void exchange_ended(telemetry::Direction) override { ++ended; }
  void tunnel_started(telemetry::Direction) override { ++tunnels_started; }
  void connection_detected(telemetry::Direction, std::string_view kind) override {
    const Scope scope{Whose::world};
    ++detected[std::string{kind}];
  }
  void connection_refused(telemetry::Direction, std::string_view reason) override {
    const Scope scope{Whose::world};
    ++refused[std::string{reason}];
  }
  void tls_established(telemetry::Direction, const net::TlsPeer&) override {}
  void tls_failed(telemetry::Direction, std::string_view reason) override {
    const Scope scope{Whose::world};
    ++handshakes_failed[std::string{reason}];
  }
  void downstream_opened(telemetry::Direction) override { ++downstream_open; }
  void downstream_closed(telemetry::Direction, telemetry::Closed reason) override;
  void upstream_opened(std::string_view) override {
    ++upstream_open;
    ++upstream_made;
  }
  void upstream_closed(std::string_view, telemetry::Closed reason) override;
  void malformed_request(telemetry::Direction, std::string_view reason) override;
  void downstream_flood(telemetry::Direction, std::string_view flood) override;
  void upstream_flood(std::string_view, std::string_view flood) override;
  void upstream_reset_sent(std::string_view) override { ++resets_sent; }

  // The record of a target; there must be just one.
  const Kept* of(std::string_view target) const;

  bool keep = true;
  std::vector<Kept> records;
  std::size_t counted = 0;
  std::size_t started = 0;
  std::size_t ended = 0;
  std::int64_t downstream_open = 0;
  std::int64_t upstream_open = 0;
  std::size_t upstream_made = 0;
  std::array<std::size_t, telemetry::closed_count> downstream_closes{};
  std::array<std::size_t, telemetry::closed_count> upstream_closes{};
  std::size_t resets_sent = 0;
  std::size_t tunnels_started = 0;
  std::size_t tunnels_ended = 0;
  std::map<std::string, std::size_t, std::less<>> detected;
  std::map<std::string, std::size_t, std::less<>> refused;
  std::map<std::string, std::size_t, std::less<>> handshakes_failed;
  std::map<std::string, std::size_t, std::less<>> malformed;
  std::map<std::string, std::size_t, std::less<>> downstream_floods;
  std::map<std::string, std::size_t, std::less<>> upstream_floods;  // of all upstreams

 private:
  World& world_;
};

}  // namespace weir::sim
