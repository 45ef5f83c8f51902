// One moment of the demo, and how it looks: pure functions from values to text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/demo_plan.h"
#include "cli/demo_status.h"
#include "cli/demo_traffic.h"

namespace weir::cli {

// What was done to an instance. Its sidecar is not told.
enum class Condition : std::uint8_t { ok, slow, hung, broken, dead };
std::string_view name_of(Condition condition);

struct InstanceView {
  std::string name;
  std::uint16_t port = 0;
  int pid = 0;
  Condition condition = Condition::ok;
  std::string health;  // as the weir in front sees it; empty before it was asked
  Duration ejected_for{};
  Duration latency{};
  double calls_per_second = 0;  // that reached it
  double share = 0;             // of those that reached its service, 0 to 1
};

struct SidecarView {
  std::string beside;
  std::string upstream;
  std::string admin_url;
  std::string file;
  bool alive = true;
  SidecarReport report;
  std::vector<InstanceView> instances;  // of the upstream
};

struct Event {
  WallTime at;
  std::string text;
};

struct Picture {
  Duration elapsed{};
  TrafficView traffic;
  std::vector<SidecarView> sidecars;
  double failovers_per_second = 0;  // of all sidecars
  Refusals refusals;                // likewise
  std::vector<Event> events;        // the oldest first
  std::size_t selected = 0;         // which instance the keys act upon, over all sidecars
  std::string control_url;
  std::string directory;
};

struct Look {
  enum class Colour : std::uint8_t { none, ansi };
  enum class Glyphs : std::uint8_t { ascii, unicode };
  std::size_t columns = 80;
  std::size_t rows = 24;
  Colour colour = Colour::ansi;
  Glyphs glyphs = Glyphs::unicode;
};

// A share of successes as percentage, rounded down, so that a loss is never rounded away.
double shown_percent(double share);

// At most `rows` lines of at most `columns` characters.
std::vector<std::string> screen(const Picture& picture, const Look& look);
// For where no terminal is: a line each second, an event, and what stands at the beginning.
std::string status_line(const Picture& picture);
std::string event_line(const Event& event);
std::string banner(const Picture& picture);
// What came of it, when the demo has ended.
std::string summary(const Picture& picture);
// For programs.
std::string picture_json(const Picture& picture);

}  // namespace weir::cli
