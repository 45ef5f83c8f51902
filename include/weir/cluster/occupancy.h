// For how long an endpoint works on a call that was given up: nobody tells us, so it is guessed.
//
// Most applications never notice that their caller has gone. A permit that came back at once would
// let in another call beside the one that still runs, and feed an application that hangs without
// end. So a permit stays away for as long as calls usually take; and where nothing at all has been
// answered since the call began, until something is, but for one trial at a time at growing
// intervals, which is how the end of the trouble is seen.
#pragma once

#include <cstdint>

#include "weir/base/time.h"
#include "weir/resilience/latency.h"

namespace weir::cluster {

class Occupancy {
 public:
  static constexpr Duration first_gap = std::chrono::milliseconds{250};
  static constexpr Duration longest_gap = std::chrono::seconds{1};
  static constexpr Duration between_looks = std::chrono::milliseconds{25};

  enum class Look : std::uint8_t { first, again };

  void answered(Instant now);
  // Of a call that began at `began` and was given up: when to look again; `now` or earlier: it
  // occupies nobody any more, or is the one whose place goes to a trial.
  Instant until(Instant began, Look look, const resilience::LatencyView& seen, Instant now);
  // Several calls were given up that had outlasted what is usual, and nothing has been answered
  // since: that is no slow request any more.
  bool silent() const { return given_up_ >= enough; }

 private:
  Instant answered_at_ = Instant::min();
  Instant next_trial_ = Instant::min();
  Duration gap_ = first_gap;
  static constexpr std::uint32_t enough = 3;
  std::uint32_t given_up_ = 0;  // since the last answer
};

}  // namespace weir::cluster
