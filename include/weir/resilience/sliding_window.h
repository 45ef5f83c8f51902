// Counts over a sliding time window, in ten slices that expire one by one. Fixed memory.
#pragma once

#include <array>
#include <cstdint>

#include "weir/base/time.h"

namespace weir::resilience {

struct WindowCounts {
  std::uint32_t calls = 0;
  std::uint32_t errors = 0;
  std::uint32_t slow = 0;

  WindowCounts& operator+=(const WindowCounts& other) {
    calls += other.calls;
    errors += other.errors;
    slow += other.slow;
    return *this;
  }
};

class SlidingWindow {
 public:
  SlidingWindow(Duration window, Instant now);
  void record(const WindowCounts& counts, Instant now);
  WindowCounts sum(Instant now);
  void clear(Instant now);

 private:
  static constexpr std::size_t slices = 10;
  void roll(Instant now);
  std::array<WindowCounts, slices> slices_{};
  WindowCounts sum_;
  Duration slice_;
  Instant slice_start_;
  std::size_t current_ = 0;
};

}  // namespace weir::resilience
