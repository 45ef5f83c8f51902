// Task: a lazily started coroutine that is owned.
//
// Nothing runs until it is awaited or started; destroying it destroys the frame and with it every
// local, which is how an exchange is cancelled. Frames come from a per-thread cache
// (base/recycle.h), so that a warm coroutine does not allocate. A coroutine must not destroy its
// own Task. Exceptions must not leave a Task: errors on the data path are values.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "weir/base/recycle.h"

namespace weir {

class [[nodiscard]] Task {
 public:
  struct promise_type : Recycled {
    std::coroutine_handle<> continuation = std::noop_coroutine();

    Task get_return_object() {
      return Task{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Awaiter {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(
            std::coroutine_handle<promise_type> finished) const noexcept {
          return finished.promise().continuation;
        }
        void await_resume() const noexcept {}
      };
      return Awaiter{};
    }
    void return_void() {}
    [[noreturn]] void unhandled_exception() { std::terminate(); }
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      cancel();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { cancel(); }

  // Runs until the first suspension. Only for a task that nobody awaits.
  void start() { handle_.resume(); }
  bool done() const { return !handle_ || handle_.done(); }
  // Destroys the frame of a suspended or finished coroutine. Never called from inside it.
  void cancel() {
    if (auto handle = std::exchange(handle_, nullptr)) handle.destroy();
  }

  bool await_ready() const { return done(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
    handle_.promise().continuation = awaiting;
    return handle_;
  }
  void await_resume() const {}

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace weir
