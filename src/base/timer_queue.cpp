#include "weir/base/timer_queue.h"

#include <algorithm>
#include <bit>

namespace weir {
namespace {

using std::chrono::milliseconds;

}  // namespace

TimerQueue::TimerQueue(ReadyQueue& ready, Instant start) : ready_(ready), start_(start) {}

// Rounds up, so that a timer never fires early.
std::uint64_t TimerQueue::tick_of(Instant instant) const {
  if (instant <= start_) return 0;
  const auto rounded = std::chrono::ceil<milliseconds>(instant - start_);
  return static_cast<std::uint64_t>(rounded.count());
}

Instant TimerQueue::instant_of(std::uint64_t tick) const {
  return start_ + milliseconds{static_cast<std::int64_t>(tick)};
}

void TimerQueue::arm(Timer& timer, Instant due) {
  timer.unlink();
  timer.due_ = due;
  timer.fired_ = false;
  place(timer);
}

// Level n holds what is due within 64^(n+1) ticks, in slots of 64^n ticks each.
void TimerQueue::place(Timer& timer) {
  const std::uint64_t furthest = tick_ + static_cast<std::uint64_t>(horizon() / milliseconds{1});
  const std::uint64_t due = std::clamp(tick_of(timer.due_), tick_ + 1, furthest);
  const std::uint64_t distance = due - tick_;
  unsigned level = 0;
  while (level + 1 < levels && distance >= (1ULL << (slot_bits * (level + 1)))) ++level;
  const std::uint64_t position = due >> (slot_bits * level);
  wheel_[level][position & (slots - 1)].push_back(timer);
  occupied_[level] |= 1ULL << (position & (slots - 1));
  next_tick_ = std::min(next_tick_, position << (slot_bits * level));
}

// When a level has gone round, the next slot of the level above is spread over it.
void TimerQueue::cascade(unsigned level) {
  if (level >= levels) return;
  const std::uint64_t index = (tick_ >> (slot_bits * level)) & (slots - 1);
  if (index == 0) cascade(level + 1);
  Slot waiting;
  waiting.swap(wheel_[level][index]);
  occupied_[level] &= ~(1ULL << index);
  while (!waiting.empty()) {
    Timer& timer = waiting.front();
    waiting.pop_front();
    // Due in this very tick: level 0's slot for it is fired right after the cascade.
    if (tick_of(timer.due_) <= tick_) {
      wheel_[0][tick_ & (slots - 1)].push_back(timer);  // no mark: it is emptied at once
    } else {
      place(timer);
    }
  }
}

void TimerQueue::fire(Slot& slot) {
  while (!slot.empty()) {
    Timer& timer = slot.front();
    slot.pop_front();
    timer.fired_ = true;
    ready_.schedule(*timer.target_);
  }
}

void TimerQueue::advance(Instant now) {
  if (now < start_) return;
  const auto target = static_cast<std::uint64_t>((now - start_) / milliseconds{1});
  // Jump over what is empty; a long sleep must not walk every millisecond of it.
  while (next_tick_ <= target) {
    tick_ = next_tick_;
    const std::uint64_t index = tick_ & (slots - 1);
    if (index == 0) cascade(1);
    fire(wheel_[0][index]);
    occupied_[0] &= ~(1ULL << index);
    next_tick_ = find_next_tick();
  }
  // Every marked slot begins after `target`, so landing inside a coarse one skips nothing.
  tick_ = std::max(tick_, target);
}

std::uint64_t TimerQueue::find_next_tick() const {
  std::uint64_t earliest = never;
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    // Slots are met in the order position + 1, position + 2 ... position + 64.
    const std::uint64_t first = (tick_ >> (slot_bits * level)) + 1;
    const auto turn = static_cast<int>(first & (slots - 1));
    const auto step = static_cast<unsigned>(std::countr_zero(std::rotr(occupied_[level], turn)));
    earliest = std::min(earliest, (first + step) << (slot_bits * level));
  }
  return earliest;
}

std::optional<Instant> TimerQueue::next() const {
  if (next_tick_ == never) return std::nullopt;
  return instant_of(next_tick_);
}

}  // namespace weir
