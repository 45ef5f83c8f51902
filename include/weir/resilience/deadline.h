// An instant after which an answer is of no use. A value; `none()` never passes.
//
// After T. Finagle's Deadline: what crosses a process is the time left, never the instant.
#pragma once

#include <algorithm>

#include "weir/base/time.h"

namespace weir::resilience {

class Deadline {
 public:
  static constexpr Deadline none() { return Deadline{Instant::max()}; }
  static constexpr Deadline at(Instant instant) { return Deadline{instant}; }
  // Zero or less means expired at once, never infinite.
  static constexpr Deadline after(Instant now, Duration budget) {
    return Deadline{budget <= Duration::zero() ? now : now + budget};
  }

  constexpr bool is_none() const { return instant_ == Instant::max(); }
  constexpr bool passed(Instant now) const { return now >= instant_; }
  // Never negative; Duration::max() for none().
  constexpr Duration left(Instant now) const {
    if (is_none()) return Duration::max();
    return std::max(Duration::zero(), instant_ - now);
  }
  constexpr Instant instant() const { return instant_; }
  constexpr Deadline earlier(Deadline other) const {
    return Deadline{std::min(instant_, other.instant_)};
  }
  constexpr auto operator<=>(const Deadline&) const = default;

 private:
  explicit constexpr Deadline(Instant instant) : instant_(instant) {}
  Instant instant_;
};

}  // namespace weir::resilience
