#include "support/sim_world.h"

#include <algorithm>
#include <stdexcept>

#include "support/sim_scope.h"

namespace weir::sim {
namespace {

// Far more than any test needs: whoever gets there goes round in circles.
constexpr std::uint64_t most_events_per_run = 20'000'000;

// Not the epoch, so that nobody takes an unset instant for now.
constexpr Instant beginning{std::chrono::hours{1}};

}  // namespace

World::World(std::uint64_t seed) : start_(beginning), scheduler_(beginning), random_(seed) {}

bool World::later(const Event& left, const Event& right) {
  return left.when != right.when ? left.when > right.when : left.tie > right.tie;
}

void World::at(Instant when, std::function<void()> action) {
  events_.push_back({std::max(when, now()), random_.next(), std::move(action)});
  std::ranges::push_heap(events_, later);
}

Instant World::next() const {
  Instant first = Instant::max();
  if (!events_.empty()) first = events_.front().when;
  if (const auto timer = scheduler_.timers().next()) first = std::min(first, *timer);
  return first;
}

void World::drain() {
  const Scope scope{Whose::proxy};
  scheduler_.ready().end_turn();
}

void World::step(Instant limit) {
  drain();
  const Instant then = std::min(limit, std::max(next(), now()));
  {
    const Scope scope{Whose::proxy};
    scheduler_.advance(then);
  }
  // Timers that fire with an event are woken after it, as in the loop.
  if (!events_.empty() && events_.front().when <= then) {
    std::ranges::pop_heap(events_, later);
    const auto action = std::move(events_.back().action);
    events_.pop_back();
    action();
    if (++delivered_ > most_events_per_run) throw std::runtime_error{"the world does not settle"};
  }
  drain();
}

void World::run_to(Instant when) {
  do {
    step(when);
  } while (now() < when || (!events_.empty() && events_.front().when <= when));
}

bool World::run_until(const std::function<bool()>& done, Duration at_most) {
  const Instant limit = now() + at_most;
  while (!done()) {
    if (next() > limit) return false;
    step(limit);
  }
  return true;
}

}  // namespace weir::sim
