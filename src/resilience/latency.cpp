#include "weir/resilience/latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::resilience {
namespace {

using std::chrono::milliseconds;

// The scale of the log-linear buckets: eight per octave, the first octave from 16 us to 32 us, so
// one bucket of it is 2 us wide.
constexpr std::uint64_t unit_ns = 2'000;
constexpr unsigned sub_bits = 3;
constexpr std::uint64_t sub_buckets = 1U << sub_bits;

constexpr std::uint32_t records_per_view = 64;
constexpr Duration view_age = milliseconds{100};
// A sample's weight is brought up to date this many times per half-life: an error below 2 %.
constexpr int steps_per_half_life = 32;
// Weights are scaled back before a float's 24 bits could lose a single sample.
constexpr double most_half_lives = 8;

std::size_t bucket_of(Duration latency, std::size_t buckets) {
  const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(latency.count(), 0));
  const std::uint64_t value = std::max(ns / unit_ns, sub_buckets);
  const auto octave = static_cast<unsigned>(std::bit_width(value)) - (sub_bits + 1);
  const std::uint64_t index = octave * sub_buckets + ((value >> octave) & (sub_buckets - 1));
  return static_cast<std::size_t>(std::min<std::uint64_t>(index, buckets - 1));
}

// The middle of a bucket.
Duration value_of(std::size_t bucket) {
  const std::uint64_t octave = bucket / sub_buckets;
  const std::uint64_t lower = (sub_buckets + bucket % sub_buckets) << octave;
  const std::uint64_t middle_ns = lower * unit_ns + ((unit_ns << octave) >> 1U);
  return Duration{static_cast<Duration::rep>(middle_ns)};
}

}  // namespace

Duration time_to_finish(Duration budget, const LatencyView& seen) {
  const Duration usual = seen.enough() ? seen.p99 + seen.p99 / 8 : seen.median;
  return std::min(usual, budget / 2);
}

LatencyHistogram::LatencyHistogram(Duration half_life)
    : half_life_(std::max<Duration>(half_life, milliseconds{1})) {}

void LatencyHistogram::record(Duration latency, Instant now) {
  decay(now);
  weights_[bucket_of(latency, buckets)] += static_cast<float>(weight_);
  total_ += weight_;
  ++since_view_;
}

const LatencyView& LatencyHistogram::view(Instant now) {
  const bool few = view_.samples < records_per_view && since_view_ > 0;
  const bool old = now - viewed_at_ >= view_age;
  if (!few && !old && since_view_ < records_per_view) return view_;
  decay(now);
  since_view_ = 0;
  viewed_at_ = now;
  view_ = LatencyView{};
  view_.samples = static_cast<std::uint32_t>(std::lround(total_ / weight_));
  if (view_.samples == 0) return view_;
  double below = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    const double through = below + static_cast<double>(weights_[bucket]);
    const auto reaches = [&](double share) {
      return below < share * total_ && through >= share * total_;
    };
    if (reaches(0.50)) view_.median = value_of(bucket);
    if (reaches(0.95)) view_.p95 = value_of(bucket);
    if (reaches(0.99)) view_.p99 = value_of(bucket);
    below = through;
  }
  // Rounding may leave the sum a hair short of the total.
  view_.p95 = std::max(view_.p95, view_.median);
  view_.p99 = std::max(view_.p99, view_.p95);
  return view_;
}

// Instead of making old samples lighter, new ones are made heavier (forward decay, Cormode et al.
// 2009), so that recording touches one bucket; all are scaled back once in a while.
void LatencyHistogram::decay(Instant now) {
  if (total_ <= 0) {
    landmark_ = now;
    weighed_at_ = now;
    weight_ = 1;
    return;
  }
  if (now - weighed_at_ < half_life_ / steps_per_half_life) return;
  weighed_at_ = now;
  const double half_lives = seconds(now - landmark_) / seconds(half_life_);
  if (half_lives <= most_half_lives) {
    weight_ = std::exp2(half_lives);
    return;
  }
  const double factor = std::exp2(-half_lives);
  total_ = 0;
  for (float& weight : weights_) {
    weight = static_cast<float>(static_cast<double>(weight) * factor);
    if (weight < 0.001F) weight = 0;
    total_ += static_cast<double>(weight);
  }
  landmark_ = now;
  weight_ = 1;
}

}  // namespace weir::resilience
