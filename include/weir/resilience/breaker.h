// A circuit breaker over error rates (Nygard, Release It!): closed, open, half-open.
//
//   closed    --(calls >= minimum and errors/calls >= error_rate)--> open
//   open      --(open_for has passed, next request)----------------> half_open
//   half_open --(`probes` successes in a row)----------------------> closed
//   half_open --(a failure)-----------------------------------------> open
//
// A call counts only in the period in which it was admitted: what was sent before the breaker
// opened and fails while it is half-open says nothing of the upstream's recovery.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/time.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/sliding_window.h"

namespace weir::resilience {

enum class BreakerState : std::uint8_t { closed, open, half_open };
std::string_view name_of(BreakerState state);

class Breaker {
 public:
  Breaker(const policy::Breaker& policy, Instant now);

  // The period in which a call was admitted; each change of state begins a new one.
  using Period = std::uint32_t;

  // Whether a call may go; in half-open at most `probes` at a time. An admitted call must be
  // followed by exactly one of record() and abandon() with what was given.
  std::optional<Period> admit(Instant now);
  // The current period while closed, else nullopt: for an exchange that was admitted before and
  // must neither be refused twice nor take a probe's place.
  std::optional<Period> period_if_closed() const;

  enum class Result : std::uint8_t { success, error };
  void record(Period period, Result result, Instant now);
  // The call ended without telling anything of the upstream (caller gone, short budget).
  void abandon(Period period);

  BreakerState state() const { return state_; }
  // How long until a probe may go; zero when closed. In half-open, when all probes are out, a
  // guess of one second.
  Duration retry_after(Instant now) const;
  // How often it has opened.
  std::uint64_t openings() const { return openings_; }
  // What was counted is kept unless the window's length changes; switched off, it closes.
  void apply(const policy::Breaker& policy, Instant now);

 private:
  void enter(BreakerState state, Instant now);
  policy::Breaker policy_;
  BreakerState state_ = BreakerState::closed;
  SlidingWindow window_;
  Period period_ = 0;
  Instant opened_at_{};
  std::uint32_t probing_ = 0;
  std::uint32_t successes_ = 0;
  std::uint64_t openings_ = 0;
};

}  // namespace weir::resilience
