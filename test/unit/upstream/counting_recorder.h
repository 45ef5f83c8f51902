// A recorder that counts what pools and connections tell it.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "weir/telemetry/record.h"

namespace weir::upstream {

struct CountingRecorder final : telemetry::Recorder {
  void record(const telemetry::Record&) override {}
  void exchange_started(telemetry::Direction) override {}
  void exchange_ended(telemetry::Direction) override {}
  void tunnel_started(telemetry::Direction) override {}
  void connection_detected(telemetry::Direction, std::string_view) override {}
  void connection_refused(telemetry::Direction, std::string_view) override {}
  void tls_established(telemetry::Direction, const net::TlsPeer&) override { ++handshakes; }
  void tls_failed(telemetry::Direction, std::string_view reason) override {
    handshake_failures.emplace_back(reason);
  }
  void downstream_opened(telemetry::Direction) override {}
  void downstream_closed(telemetry::Direction, telemetry::Closed) override {}
  void malformed_request(telemetry::Direction, std::string_view) override {}
  void downstream_flood(telemetry::Direction, std::string_view) override {}
  void upstream_opened(std::string_view) override { ++opened; }
  void upstream_closed(std::string_view, telemetry::Closed reason) override {
    ++closed[static_cast<std::size_t>(reason)];
  }
  void upstream_flood(std::string_view, std::string_view flood) override {
    floods.emplace_back(flood);
  }
  void upstream_reset_sent(std::string_view) override { ++resets; }
  int closes(telemetry::Closed reason) const { return closed[static_cast<std::size_t>(reason)]; }

  int opened = 0;
  std::array<int, telemetry::closed_count> closed{};
  std::vector<std::string> floods;
  int resets = 0;
  int handshakes = 0;
  std::vector<std::string> handshake_failures;
};

}  // namespace weir::upstream
