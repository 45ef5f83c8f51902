// What runs next: everything that an event woke, in order, once.
//
// Nobody is called back from inside somebody else's function. A source, a timer or a connection
// schedules the `Wakeable` that waits for it, and the loop calls `wake()` from its top level.
// So an object may be destroyed by what it caused without a frame of its own on the stack, and
// the order of events is the same in production and in simulation.
#pragma once

#include <boost/intrusive/list.hpp>

namespace weir {

// Something that can be woken. Destroying it takes it out of any queue.
class Wakeable : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Wakeable() = default;
  Wakeable(const Wakeable&) = delete;
  Wakeable& operator=(const Wakeable&) = delete;
  virtual ~Wakeable() = default;

  // Called from the loop's top level, once per schedule, however often it was scheduled before.
  virtual void wake() = 0;
};

class ReadyQueue {
 public:
  // Appends `wakeable`; does nothing when it is queued already, here or for the end of the turn.
  void schedule(Wakeable& wakeable) {
    if (!wakeable.is_linked()) queue_.push_back(wakeable);
  }

  // Wakes until nothing is left, including what is scheduled meanwhile. Not reentrant.
  void drain() {
    while (!queue_.empty()) {
      Wakeable& first = queue_.front();
      queue_.pop_front();
      first.wake();
    }
  }

  // For what is better done once for all events of a turn: woken by end_turn(), in order.
  void schedule_last(Wakeable& wakeable) {
    if (!wakeable.is_linked()) last_.push_back(wakeable);
  }

  // Wakes everything that is ready, then what was left for the end, until nothing is left.
  void end_turn() {
    for (drain(); !last_.empty(); drain()) {
      Wakeable& first = last_.front();
      last_.pop_front();
      first.wake();
    }
  }

  bool empty() const { return queue_.empty(); }

 private:
  boost::intrusive::list<Wakeable, boost::intrusive::constant_time_size<false>> queue_;
  boost::intrusive::list<Wakeable, boost::intrusive::constant_time_size<false>> last_;
};

}  // namespace weir
