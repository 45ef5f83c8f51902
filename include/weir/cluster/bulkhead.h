// A limit on concurrent exchanges with a bounded, deadline-aware queue, for the whole process.
//
// Permits are counted without a lock; the queue is locked and touched only when they have run out.
// A waiter that can no longer finish in time is dropped first; the rest are served in order of
// arrival. A waiter on another thread is granted its permit under the lock and then woken through
// its worker's mailbox; one that is destroyed meanwhile gives the permit back.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "weir/base/mailbox.h"
#include "weir/base/ready_queue.h"
#include "weir/base/time.h"
#include "weir/policy/upstream.h"

namespace weir::cluster {

class Bulkhead;

// One exchange's place inside the bulkhead; given back on destruction.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept;
  Permit& operator=(Permit&& other) noexcept;
  ~Permit();
  explicit operator bool() const { return bulkhead_ != nullptr; }

 private:
  friend class Bulkhead;
  friend class Waiter;
  explicit Permit(std::shared_ptr<Bulkhead> bulkhead);
  std::shared_ptr<Bulkhead> bulkhead_;
};

// One exchange's place in the queue. Destroying it leaves the queue (or returns what was granted).
class Waiter {
 public:
  enum class State : std::uint8_t {
    idle,
    waiting,
    granted,  // take() gives the permit
    dropped   // could not finish in time, or the newcomers could
  };

  // `ready` and `wakeable` belong to the worker behind `mailbox`; `wakeable` is scheduled there
  // after the state has changed.
  Waiter(Mailbox& mailbox, ReadyQueue& ready, Wakeable& wakeable);
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  State state() const;
  Permit take();  // only when granted

 private:
  friend class Bulkhead;
  struct Entry;
  Entry& enter();
  void leave();
  Mailbox& mailbox_;
  ReadyQueue& ready_;
  Wakeable& wakeable_;
  std::shared_ptr<Entry> entry_;  // shared with a wake that is on its way
};

class Bulkhead : public std::enable_shared_from_this<Bulkhead> {
 public:
  static std::shared_ptr<Bulkhead> make(const policy::Bulkhead& policy);
  ~Bulkhead();
  void apply(const policy::Bulkhead& policy);

  // A permit, unless all are taken or somebody is waiting already. No lock.
  Permit try_enter();
  // Queues `waiter`; `latest_start` is the last instant at which starting still makes sense (the
  // deadline less what a call takes). False when the queue is full of requests that can finish.
  // The waiter may be granted or dropped at once; it is woken in every case. Lateness is judged by
  // the latest `now` that any enqueue() has told.
  bool enqueue(Waiter& waiter, Instant latest_start, Instant now);

  // From now on not more than are inside now, but always one; until lift().
  void restrict_to_current();
  void lift();

  std::uint32_t in_use() const;
  std::uint32_t waiting() const;

 private:
  friend class Permit;
  friend class Waiter;
  Bulkhead();
  void give_back();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::cluster
