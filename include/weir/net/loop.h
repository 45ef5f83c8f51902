// One worker's event loop: waits on epoll, tells the scheduler the time, delivers what happened.
//
// A turn is: wait; read the clock once; fire due timers; deliver each event, draining the ready
// queue after each; then do what was deferred to this turn. Timers cost no system call: the wait
// itself ends when TimerQueue::next() comes. Single-threaded but for mailbox() and stop().
//
// This is the only code that knows epoll. docs/adr says why it is not a library's reactor: those
// do not ask for EPOLLRDHUP, so that a short read does not tell them that the socket is empty,
// and each read costs a second recv().
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "weir/base/mailbox.h"
#include "weir/base/scheduler.h"
#include "weir/net/descriptor.h"

namespace weir::net {

// What the kernel said about a descriptor.
struct Readiness {
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  // the peer has sent its last byte, or the connection broke
  bool urgent = false;   // urgent data waits (RFC 9293, 3.8.5): reads stop in front of it
};

class Watcher {
 public:
  // From the loop's top level. The watcher may be destroyed in here if it is unwatched.
  virtual void on_ready(Readiness readiness) = 0;

 protected:
  ~Watcher() = default;
};

// Which changes wake a watcher.
enum class Interest : std::uint8_t {
  level_read,  // as long as it is readable
  read,        // once each time that something arrives (edge-triggered)
  read_write,  // likewise, and once each time that there is room again
  nothing
};

class Loop {
 public:
  // Aborts the process with a message when the kernel refuses the two descriptors that it needs.
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Whoever watches must have gone before. Tasks still in the mailbox are dropped unrun.
  ~Loop() = default;

  Scheduler& scheduler() { return scheduler_; }
  Mailbox& mailbox() { return mailbox_; }

  // Turns until stop().
  void run();
  // One turn that waits at most `at_most`, for tests and for who has a loop of his own.
  void turn(Duration at_most);
  // Thread-safe: run() returns after the turn that sees it, or at once when called later.
  void stop();

  // False when the kernel refuses (errno says why): no memory, or too many watches.
  [[nodiscard]] bool watch(int descriptor, Interest interest, Watcher& watcher);
  // Changes interest or watcher of a watched descriptor; what is ready now is reported again.
  void rewatch(int descriptor, Interest interest, Watcher& watcher);
  // Ends a watch while the descriptor stays open, for who hands it on.
  void unwatch(int descriptor, const Watcher& watcher);
  // Nothing is delivered to `watcher` any more. Closing the descriptor ends the watch itself.
  void forget(const Watcher& watcher);

  // Wakes `wakeable` in the next turn, after its events: for work that goes on without waiting but
  // must not starve others. Destroying it takes it out.
  void defer(Wakeable& wakeable);

 private:
  class EventMailbox final : public Mailbox, public Watcher {
   public:
    explicit EventMailbox(Loop& loop);
    void post(std::function<void()> task) override;
    void on_ready(Readiness readiness) override;

   private:
    Loop& loop_;
    Descriptor event_;
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    std::vector<std::function<void()>> running_;  // keeps its capacity
  };

  int timeout_ms(Duration at_most);
  void deliver(std::size_t count);
  void run_deferred();

  static constexpr std::size_t batch = 256;

  Scheduler scheduler_;
  Descriptor epoll_;
  std::array<epoll_event, batch> events_;
  std::span<epoll_event> undelivered_;
  boost::intrusive::list<Wakeable, boost::intrusive::constant_time_size<false>> deferred_;
  EventMailbox mailbox_;
  bool stopped_ = false;
};

}  // namespace weir::net
