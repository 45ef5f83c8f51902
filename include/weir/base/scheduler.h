// One worker's sense of time and order: now, timers, and what is ready to run.
//
// Whoever drives it calls `turn(now)` when time has moved or something was scheduled: the Asio
// loop in production (net/loop.h), the simulated world in tests. Within a turn `now()` is constant.
#pragma once

#include "weir/base/ready_queue.h"
#include "weir/base/time.h"
#include "weir/base/timer_queue.h"

namespace weir {

class Scheduler {
 public:
  explicit Scheduler(Instant start) : now_(start), timers_(ready_, start) {}

  Instant now() const { return now_; }
  ReadyQueue& ready() { return ready_; }
  TimerQueue& timers() { return timers_; }
  const TimerQueue& timers() const { return timers_; }

  void schedule(Wakeable& wakeable) { ready_.schedule(wakeable); }
  void arm(Timer& timer, Instant due) { timers_.arm(timer, due); }
  void arm_in(Timer& timer, Duration delay) { timers_.arm(timer, now_ + delay); }

  // Moves time on, fires what is due and wakes what is ready. Time never goes back.
  void turn(Instant now) {
    advance(now);
    ready_.end_turn();
  }

  // Moves time on without waking anyone yet; the driver calls it before it delivers I/O.
  void advance(Instant now) {
    if (now > now_) now_ = now;
    timers_.advance(now_);
  }

 private:
  Instant now_;
  ReadyQueue ready_;
  TimerQueue timers_;
};

}  // namespace weir
