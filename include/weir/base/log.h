// The operational log: what the process did, for people, on the standard error.
//
//     log::warn("configuration refused", {{"file", path}, {"problems", count}});
//     2026-01-31T12:00:00.123Z warn configuration refused file=orders.yaml problems=3
//
// Thread-safe and synchronous: for events of the process, never one line per request (the access
// log in telemetry is that). Values that hold more than printable characters without spaces are
// quoted and escaped, so that nobody can forge a line.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace weir::log {

enum class Level : std::uint8_t { debug, info, warn, error };

std::optional<Level> level_named(std::string_view name);
// What is below it is not written. At first: info.
void set_level(Level level);

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(text) {}
  Field(std::string_view name, const std::string& text) : key(name), value(text) {}
  Field(std::string_view name, std::integral auto number)
      : key(name), value(std::to_string(number)) {}
};
using Fields = std::initializer_list<Field>;

void write(Level level, std::string_view message, Fields fields);

inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

// The line without its time, as write() makes it: "listening address=127.0.0.1:15001".
std::string line(std::string_view message, Fields fields);

}  // namespace weir::log
