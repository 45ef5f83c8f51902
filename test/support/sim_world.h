// Virtual time for one worker: a clock that jumps, events in order, everything from one seed.
//
// Events due at the same instant come in an order that the seed chooses. Around each of them the
// world does what net::Loop does: advance the scheduler, deliver, drain the ready queue.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "weir/base/mailbox.h"
#include "weir/base/random.h"
#include "weir/base/scheduler.h"

namespace weir::sim {

class World final : public Mailbox {
 public:
  explicit World(std::uint64_t seed);

  Instant now() const { return scheduler_.now(); }
  Instant start() const { return start_; }
  Scheduler& scheduler() { return scheduler_; }
  Random& random() { return random_; }

  // Runs `action` then; past instants mean the next event.
  void at(Instant when, std::function<void()> action);
  void after(Duration delay, std::function<void()> action) { at(now() + delay, std::move(action)); }
  void post(std::function<void()> task) override { at(now(), std::move(task)); }

  void run_for(Duration duration) { run_to(now() + duration); }
  void run_to(Instant when);
  // Until `done` holds; false when it does not within `at_most`.
  bool run_until(const std::function<bool()>& done, Duration at_most);
  // How many events have been delivered: an endless loop at one instant would show.
  std::uint64_t events() const { return delivered_; }

  // Exhaustive fault injection: operations of the network are numbered from 0, and the one with
  // this number fails.
  void fail_operation(std::uint64_t number) { failing_ = number; }
  bool operation_fails() { return operations_++ == failing_; }
  std::uint64_t operations() const { return operations_; }

 private:
  struct Event {
    Instant when;
    std::uint64_t tie;
    std::function<void()> action;
  };
  static bool later(const Event& left, const Event& right);
  Instant next() const;
  void step(Instant limit);
  void drain();

  Instant start_;
  Scheduler scheduler_;
  Random random_;
  std::vector<Event> events_;  // a heap
  std::uint64_t delivered_ = 0;
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> failing_;
};

}  // namespace weir::sim
