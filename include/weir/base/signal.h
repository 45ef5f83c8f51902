// One coroutine's bell: several causes ring it, the coroutine looks around after each ring.
//
// The exchange waits in one place for everything that can happen to it (a response head, a timer,
// a permit, the caller going away) by handing its Signal to all of them and then examining state
// in its own order. That replaces a race of awaitables and costs nothing. A Signal does not outlive
// the Task that waits for it, nor the other way round: they are members of one object.
#pragma once

#include <coroutine>
#include <utility>

#include "weir/base/ready_queue.h"

namespace weir {

class Signal final : public Wakeable {
 public:
  explicit Signal(ReadyQueue& ready) : ready_(ready) {}

  // Rings: the waiting coroutine is scheduled, or the next wait returns at once.
  void ring() {
    rung_ = true;
    if (waiting_) ready_.schedule(*this);
  }

  // Called by the ready queue, whether rung by ring() or scheduled directly (by a Timer, say).
  void wake() override {
    rung_ = true;
    if (auto waiting = std::exchange(waiting_, nullptr)) {
      rung_ = false;
      waiting.resume();
    }
  }

  // co_await signal.wait(): returns once it has rung since the last wait. One waiter at a time.
  auto wait() {
    struct Awaiter {
      Signal& signal;
      bool await_ready() const { return std::exchange(signal.rung_, false); }
      void await_suspend(std::coroutine_handle<> handle) const { signal.waiting_ = handle; }
      void await_resume() const {}
    };
    return Awaiter{*this};
  }

 private:
  ReadyQueue& ready_;
  std::coroutine_handle<> waiting_;
  bool rung_ = false;
};

}  // namespace weir
