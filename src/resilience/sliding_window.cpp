#include "weir/resilience/sliding_window.h"

#include <algorithm>

namespace weir::resilience {

SlidingWindow::SlidingWindow(Duration window, Instant now)
    : slice_(std::max<Duration>(window / static_cast<Duration::rep>(slices), Duration{1})),
      slice_start_(now) {}

void SlidingWindow::record(const WindowCounts& counts, Instant now) {
  roll(now);
  WindowCounts& slice = slices_[current_];
  for (WindowCounts* target : {&slice, &sum_}) {
    target->calls += counts.calls;
    target->errors += counts.errors;
    target->slow += counts.slow;
  }
}

WindowCounts SlidingWindow::sum(Instant now) {
  roll(now);
  return sum_;
}

void SlidingWindow::clear(Instant now) {
  slices_.fill({});
  sum_ = {};
  slice_start_ = now;
  current_ = 0;
}

void SlidingWindow::roll(Instant now) {
  if (now - slice_start_ < slice_) return;
  const auto passed = (now - slice_start_) / slice_;
  if (passed >= static_cast<Duration::rep>(slices)) return clear(now);
  for (Duration::rep step = 0; step < passed; ++step) {
    current_ = (current_ + 1) % slices;
    WindowCounts& expired = slices_[current_];
    sum_.calls -= expired.calls;
    sum_.errors -= expired.errors;
    sum_.slow -= expired.slow;
    expired = {};
  }
  slice_start_ += slice_ * passed;
}

}  // namespace weir::resilience
