// Timers that nobody waits for: a passive, hierarchical timing wheel (Varghese and Lauck, 1987).
//
// The owner tells it the time. In production one operating system timer drives it, in simulation
// the test does. Arming and cancelling are O(1) and never allocate. The resolution is one
// millisecond and a timer never fires early; further away than `TimerQueue::horizon()` it is
// clamped. Not thread-safe: one queue per worker.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>

#include "weir/base/ready_queue.h"
#include "weir/base/time.h"

namespace weir {

class TimerQueue;

// One timer. When it fires, `target` is scheduled on the ready queue. Destroying it disarms it.
class Timer : public boost::intrusive::list_base_hook<
                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  explicit Timer(Wakeable& target) : target_(&target) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return is_linked(); }
  // True from the moment the timer fired until it is armed or disarmed again.
  bool fired() const { return fired_; }
  void disarm() {
    unlink();
    fired_ = false;
  }
  // The instant it was armed for.
  Instant due() const { return due_; }

 private:
  friend class TimerQueue;
  Wakeable* target_;
  Instant due_{};
  bool fired_ = false;
};

class TimerQueue {
 public:
  TimerQueue(ReadyQueue& ready, Instant start);

  // Arms `timer` for `due`, moving it when it was armed. Past instants fire with the next
  // millisecond.
  void arm(Timer& timer, Instant due);

  // Fires everything due at or before `now`, in order of the millisecond in which it is due.
  void advance(Instant now);

  // No timer fires before this instant. It is a lower bound, because far timers stand in coarse
  // slots and a disarmed timer leaves its slot marked until the time comes; empty when nothing
  // can be armed. The driver sleeps until then and asks again.
  std::optional<Instant> next() const;

  static constexpr Duration horizon() { return std::chrono::milliseconds{(1LL << 24) - 65}; }

 private:
  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots = 1U << slot_bits;
  static constexpr unsigned levels = 4;
  using Slot = boost::intrusive::list<Timer, boost::intrusive::constant_time_size<false>>;

  std::uint64_t tick_of(Instant instant) const;
  Instant instant_of(std::uint64_t tick) const;
  void place(Timer& timer);
  void cascade(unsigned level);
  void fire(Slot& slot);
  std::uint64_t find_next_tick() const;
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  ReadyQueue& ready_;
  Instant start_;
  std::uint64_t tick_ = 0;           // everything due at or before this tick has fired
  std::uint64_t next_tick_ = never;  // nothing is due before this tick
  std::array<std::array<Slot, slots>, levels> wheel_;
  std::array<std::uint64_t, levels> occupied_{};  // a bit per slot; may outlive its timers
};

}  // namespace weir
