#include "support/sim_link.h"

#include <algorithm>
#include <utility>

namespace weir::sim {

Link::Link(World& world, LinkTraits traits) : world_(world), traits_(traits) {}

void Link::attach(Side side, LinkEvents& events) { lane(side).reader = &events; }

void Link::launch(Side towards, Kind kind, std::size_t bytes) {
  Lane& to = lane(towards);
  Instant arrives = std::max(to.last, world_.now() + traits_.latency);
  if (traits_.bytes_per_second > 0) {
    arrives += Duration{bytes * 1'000'000'000 / traits_.bytes_per_second};
  }
  to.last = arrives;
  to.flights.push_back({arrives, kind, bytes});
  world_.at(arrives, [self = shared_from_this(), towards] { self->arrive(towards); });
}

std::size_t Link::send(Side from, std::string_view bytes) {
  Lane& to = lane(other(from));
  const std::size_t waiting = to.bytes.size() - to.read;
  std::size_t taken = std::min(bytes.size(), traits_.window - std::min(waiting, traits_.window));
  if (traits_.ragged && taken > 1 && world_.random().chance(percent(30))) {
    taken = 1 + world_.random().below(taken - 1);
  }
  if (taken == 0) return 0;
  to.bytes.append(bytes.substr(0, taken));
  launch(other(from), Kind::data, taken);
  return taken;
}

void Link::want_space(Side from) {
  Lane& to = lane(other(from));
  to.wanted = true;
  if (held(other(from)) < traits_.window || lane(from).broken) {
    world_.after({}, [self = shared_from_this(), from] { self->give_space(from); });
  }
}

void Link::give_space(Side sender) {
  Lane& to = lane(other(sender));
  if (!to.wanted) return;
  to.wanted = false;
  if (LinkEvents* events = lane(sender).reader) events->on_space();
}

void Link::end(Side from) {
  Lane& to = lane(other(from));
  if (std::exchange(to.sender_ended, true)) return;
  launch(other(from), Kind::end, 0);
}

void Link::close(Side side, Closing closing) {
  Lane& mine = lane(side);
  if (std::exchange(mine.closed, true)) return;
  mine.reader = nullptr;
  if (closing == Closing::reset || mine.arrived > mine.read) {
    if (!mine.broken) launch(other(side), Kind::reset, 0);
  } else {
    end(side);
  }
}

void Link::cut() {
  for (const Side side : {Side::proxy, Side::peer}) {
    lane(side).broken = true;
    poke(side);
    want_space(side);
  }
}

std::string_view Link::readable(Side side) const {
  const Lane& mine = lane(side);
  return std::string_view{mine.bytes}.substr(mine.read, mine.arrived - mine.read);
}

void Link::consume(Side side, std::size_t count) {
  Lane& mine = lane(side);
  mine.read += count;
  if (mine.read == mine.bytes.size()) {
    mine.bytes.clear();
    mine.read = mine.arrived = 0;
  } else if (mine.read > traits_.window) {
    mine.bytes.erase(0, mine.read);
    mine.arrived -= mine.read;
    mine.read = 0;
  }
  if (!mine.wanted) return;
  world_.after(traits_.latency,
               [self = shared_from_this(), side] { self->give_space(other(side)); });
}

void Link::poke(Side side) {
  world_.after({}, [self = shared_from_this(), side] {
    if (LinkEvents* events = self->lane(side).reader) events->on_arrival();
  });
}

void Link::arrive(Side side) {
  Lane& mine = lane(side);
  while (!mine.flights.empty() && mine.flights.front().arrives <= world_.now()) {
    const Flight flight = mine.flights.front();
    mine.flights.pop_front();
    switch (flight.kind) {
      case Kind::data: mine.arrived += flight.bytes; break;
      case Kind::end: mine.ended = true; break;
      case Kind::reset: mine.broken = true; break;
    }
    if (mine.closed && flight.kind == Kind::data && !lane(other(side)).broken) {
      launch(other(side), Kind::reset, 0);
    }
  }
  // An end of the lane may destroy itself in its callback, and give_space() then finds nobody.
  if (mine.reader != nullptr) mine.reader->on_arrival();
  if (mine.broken) give_space(side);
}

}  // namespace weir::sim
