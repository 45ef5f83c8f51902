#include "weir/resilience/tokens.h"

#include <algorithm>

namespace weir::resilience {

RetryTokens::RetryTokens(Ratio ratio, double minimum_per_second, Instant now, Duration window)
    : ratio_(std::max(ratio.value, 0.0)),
      per_second_(std::max(minimum_per_second, 0.0)),
      most_(std::max(1.0, per_second_ * seconds(window) + 100 * ratio_)),
      tokens_(most_),
      flowed_at_(now) {}

void RetryTokens::earn() { tokens_ = std::min(most_, tokens_ + ratio_); }

bool RetryTokens::take(Instant now) {
  flow(now);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

double RetryTokens::available(Instant now) {
  flow(now);
  return tokens_;
}

void RetryTokens::flow(Instant now) {
  if (now <= flowed_at_) return;
  tokens_ = std::min(most_, tokens_ + per_second_ * seconds(now - flowed_at_));
  flowed_at_ = now;
}

}  // namespace weir::resilience
