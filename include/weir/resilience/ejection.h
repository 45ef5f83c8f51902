// One endpoint's health: taken out when it fails, let back in slowly.
//
//   healthy  --(eject(), after record() asked for it)------------> ejected
//   ejected  --(its time is over, poll())------------------------> probing
//   probing  --(`probes` successes in a row)---------------------> ramping
//   probing  --(eject(), after an error)-------------------------> ejected, for twice as long
//   ramping  --(`ramp` has passed)-------------------------------> healthy
//   ramping  --(eject(), as when healthy)------------------------> ejected, for twice as long
//
// record() only asks for an ejection; whoever knows the other endpoints grants it with eject(),
// because the last one is never taken out. A call counts only in the period in which it began.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/random.h"
#include "weir/base/time.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/sliding_window.h"

namespace weir::resilience {

enum class Health : std::uint8_t { healthy, ejected, probing, ramping };
std::string_view name_of(Health health);

class EndpointHealth {
 public:
  EndpointHealth(const policy::Ejection& policy, Instant now);

  // Each ejection and each return begins a new one.
  using Period = std::uint32_t;
  Period period() const { return period_; }

  struct Call {
    enum class Result : std::uint8_t {
      success,
      error,
      // Cut off by its own budget after longer than usual. One such call says nothing; many in a
      // row without any answer in between are an endpoint that hangs.
      unanswered
    };
    Result result = Result::success;
    Duration elapsed{};
    Period period = 0;
  };
  // All but `keep` ask for an ejection and say why.
  enum class Verdict : std::uint8_t { keep, in_a_row, error_rate, slow_rate, unanswered, probe };
  Verdict record(const Call& call, Instant now);
  // A call of `period` ended without telling anything.
  void abandon(Period period);

  void eject(Instant now, Random& random);
  // An ejected endpoint that is needed after all, because no other is left.
  void reinstate(Instant now);
  // Moves on with time; true when a probe may now be sent where none could before.
  bool poll(Instant now);
  // Whether this call may go to a probing endpoint; one at a time. A true answer takes the place,
  // which record() or abandon() with the current period gives back.
  bool admit_probe();

  // Healthy or ramping: takes ordinary traffic.
  bool available() const { return state_ == Health::healthy || state_ == Health::ramping; }
  bool ejected() const { return state_ == Health::ejected; }
  bool on_probation() const { return state_ == Health::probing; }
  // Of its ordinary traffic, in [0, 1]; rises from a tenth while ramping.
  double share(Instant now) const;
  Health state(Instant now) const;
  // When an ejection ends or a probation began.
  Instant since_or_until() const { return until_; }
  double error_rate(Instant now);
  WindowCounts recent(Instant now) { return window_.sum(now); }
  std::uint32_t failures_in_a_row() const { return failures_; }
  std::uint32_t unanswered_in_a_row() const { return unanswered_; }
  std::uint64_t ejections() const { return ejections_; }
  void apply(const policy::Ejection& policy, Instant now);

 private:
  void enter(Health state, Instant now);
  Verdict judge(const Call& call, Instant now);
  Duration time_out(Instant now, Random& random);
  policy::Ejection policy_;
  Health state_ = Health::healthy;
  SlidingWindow window_;
  Period period_ = 0;
  Instant until_{};               // of the ejection, the ramp; in probing when that began
  Instant returned_at_{};         // when it last became available
  Duration last_time_out_{};      // of the latest ejection
  std::uint32_t in_a_row_ = 0;    // ejections without a long healthy time in between
  std::uint32_t failures_ = 0;    // in a row
  std::uint32_t unanswered_ = 0;  // in a row
  std::uint32_t successes_ = 0;   // of probes
  std::uint32_t probing_ = 0;
  std::uint64_t ejections_ = 0;
};

// What the others of a version show while an ejection is asked for.
struct Peers {
  WindowCounts recent;     // of all of them
  bool succeeding = true;  // some one's latest call was answered well; true of no peers
};
// Whether an endpoint is distinctly worse than they are. Where all fail alike, to take some out
// only burdens the rest. `own`: of the endpoint, with so many failures in a row.
bool distinctly_worse(EndpointHealth::Verdict why, const WindowCounts& own, std::uint32_t in_a_row,
                      const Peers& peers);

}  // namespace weir::resilience
