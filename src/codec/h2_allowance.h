// How much a peer may cost us that gives it nothing, before its connection ends.
//
// Three accounts, each of which a peer overdraws only on purpose:
//   frames   1,000 at once and 100 per second; a frame that only costs takes 1, a stream that was
//            answered brings 2, a DATA frame that carries something 4.
//   resets   1,000 at once and 100 per second; a stream reset by the peer, or by us because its
//            frames oblige us to, takes 1. Only streams that were answered pay it back, 1 each: a
//            peer that resets more than it lets finish opens streams in order to reset them.
//   windows  WINDOW_UPDATE is paid by the DATA that it answers: 4 and one per 128 bytes for each
//            frame, up to 65,536; what DATA does not explain is taken from `frames`. Libraries
//            exist that send two for every 512 bytes their application reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "weir/base/time.h"
#include "weir/codec/h2_error.h"

namespace weir::codec {

class H2Allowance {
 public:
  explicit H2Allowance(Instant now) : frames_{.at = now}, resets_{.at = now} {}

  // One of that kind has come. The kind to blame once its account is overdrawn: the one that took
  // most since the account was last full.
  std::optional<H2Flood> charge(H2Flood kind, Instant now);
  // A stream has been answered whole.
  void credit_stream(Instant now);
  // DATA went either way: `bytes` of payload, not cut short by a window of the peer's.
  void credit_data_sent(std::size_t bytes, Instant now);
  void credit_data_received(Instant now);

  static constexpr int burst = 1000;
  static constexpr Duration per_unit = std::chrono::milliseconds{10};  // 100 per second
  static constexpr int stream_income = 2;
  static constexpr int data_income = 4;
  static constexpr std::size_t bytes_per_update = 128;
  static constexpr std::size_t most_updates = 64UL * 1024;
  // DATA below it, without an end, is worth nothing.
  static constexpr std::size_t useful_data = 256;

 private:
  // What is owed, as the time that pays it back.
  struct Account {
    Duration debt{};
    Instant at;
    std::array<std::uint32_t, h2_flood_count> taken{};

    void advance(Instant now);
    void pay(int units, Instant now);
    std::optional<H2Flood> charge(H2Flood kind, Instant now);
  };

  Account frames_;
  Account resets_;
  std::size_t updates_ = 0;  // that DATA explains
};

}  // namespace weir::codec
