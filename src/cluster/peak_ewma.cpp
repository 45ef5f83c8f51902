#include "peak_ewma.h"

#include <algorithm>

namespace weir::cluster {
namespace {

// How long a peak is remembered: it has lost two thirds by then.
constexpr double memory_seconds = 3;
// One call's part in the share that fails: three errors in a row make an endpoint 5 times slower,
// eight make it 100 times slower, and one stray error is forgotten a few calls later.
constexpr double weight_of_call = 0.25;
constexpr double least_success = 1.0 / 32;
constexpr double least_ns = 1000;

// e^(-age/memory) to second order, which needs no call into libm.
double kept_after(Duration age) {
  if (age <= Duration::zero()) return 1;
  const double x = seconds(age) / memory_seconds;
  return 1 / (1 + x + x * x / 2);
}

}  // namespace

void PeakEwma::answered(Duration latency, Instant now) {
  const auto ns = static_cast<double>(std::max(latency, Duration::zero()).count());
  const double kept = latency_ns_ > 0 ? kept_after(now - updated_at_) : 0;
  latency_ns_ = ns > latency_ns_ ? ns : latency_ns_ * kept + ns * (1 - kept);
  failing_ *= kept_after(now - updated_at_) * (1 - weight_of_call);
  updated_at_ = std::max(now, updated_at_);
}

void PeakEwma::failed(Duration elapsed, Duration usual, Instant now) {
  raise(std::max(elapsed, usual), now);
  failing_ += (1 - failing_) * weight_of_call;
}

// Before the first answer, being slower than a short while says nothing.
void PeakEwma::outlasted(Duration elapsed, Instant now) {
  if (latency_ns_ > 0) raise(elapsed, now);
}

double PeakEwma::cost(Duration usual, Instant now) const {
  const double kept = kept_after(now - updated_at_);
  const double known = latency_ns_ * kept;
  const double ns = latency_ns_ > 0 ? known : static_cast<double>(usual.count());
  const double success = std::max(1 - failing_ * kept, least_success);
  return std::max(ns, least_ns) / (success * success);
}

Duration PeakEwma::latency(Instant now) const {
  return Duration{static_cast<Duration::rep>(latency_ns_ * kept_after(now - updated_at_))};
}

void PeakEwma::raise(Duration at_least, Instant now) {
  age(now);
  latency_ns_ = std::max(latency_ns_, static_cast<double>(at_least.count()));
}

void PeakEwma::age(Instant now) {
  const double kept = kept_after(now - updated_at_);
  latency_ns_ *= kept;
  failing_ *= kept;
  updated_at_ = std::max(now, updated_at_);
}

}  // namespace weir::cluster
