// Time inside weir: a monotonic instant and a duration, both in nanoseconds.
//
// Nothing below the event loop reads a clock. `now` is an argument, constant within one turn of
// the loop, so that the same decisions run in the proxy, in simulation and in tests. Integers of
// time appear only at the edges (the wire, YAML, logs) and carry their unit in the name.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
static_assert(std::is_same_v<Duration::period, std::nano>);

// Wall-clock time, for logs and the admin page only; never for a decision.
using WallTime = std::chrono::system_clock::time_point;

constexpr double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Rounds down: a budget told to somebody else is never larger than what is left.
constexpr std::int64_t whole_milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace weir
