// A function that is called from the loop's top level when its time has come.
#pragma once

#include <functional>
#include <utility>

#include "weir/net/loop.h"

namespace weir::cli {

// Destroying it, or setting it again, forgets what was to be called. The call may destroy it.
class Alarm final : private Wakeable {
 public:
  explicit Alarm(net::Loop& loop) : loop_(loop), timer_(*this) {}

  void set(Duration delay, std::function<void()> call) {
    call_ = std::move(call);
    loop_.scheduler().arm_in(timer_, delay);
  }
  void cancel() { timer_.disarm(); }

 private:
  void wake() override {
    const auto call = std::move(call_);
    call();
  }

  net::Loop& loop_;
  Timer timer_;
  std::function<void()> call_;
};

}  // namespace weir::cli
