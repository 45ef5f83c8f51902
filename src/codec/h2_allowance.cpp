#include "h2_allowance.h"

#include <algorithm>

namespace weir::codec {

void H2Allowance::Account::advance(Instant now) {
  debt = std::max(debt - std::max(now - at, Duration{}), Duration{});
  at = std::max(at, now);
  if (debt == Duration{}) taken.fill(0);
}

void H2Allowance::Account::pay(int units, Instant now) {
  if (debt == Duration{}) return;
  advance(now);
  debt = std::max(debt - units * per_unit, Duration{});
}

std::optional<H2Flood> H2Allowance::Account::charge(H2Flood kind, Instant now) {
  advance(now);
  ++taken[static_cast<std::size_t>(kind)];
  debt += per_unit;
  if (debt <= burst * per_unit) return std::nullopt;
  const auto* const most = std::ranges::max_element(taken);
  return static_cast<H2Flood>(most - taken.begin());
}

std::optional<H2Flood> H2Allowance::charge(H2Flood kind, Instant now) {
  switch (kind) {
    case H2Flood::resets:
    case H2Flood::provoked_resets: return resets_.charge(kind, now);
    case H2Flood::window_updates:
      if (updates_ == 0) break;
      --updates_;
      return std::nullopt;
    default: break;
  }
  return frames_.charge(kind, now);
}

void H2Allowance::credit_stream(Instant now) {
  frames_.pay(stream_income, now);
  resets_.pay(1, now);
}

void H2Allowance::credit_data_sent(std::size_t bytes, Instant now) {
  frames_.pay(data_income, now);
  updates_ = std::min(updates_ + data_income + bytes / bytes_per_update, most_updates);
}

void H2Allowance::credit_data_received(Instant now) { frames_.pay(data_income, now); }

}  // namespace weir::codec
