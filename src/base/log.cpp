#include "weir/base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <utility>

namespace weir::log {
namespace {

constexpr std::array<std::pair<std::string_view, Level>, 4> names{{{"debug", Level::debug},
                                                                   {"info", Level::info},
                                                                   {"warn", Level::warn},
                                                                   {"error", Level::error}}};

spdlog::level::level_enum vendor_level(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(Level level) {
  return std::ranges::find(names, level, [](const auto& entry) { return entry.second; })->first;
}

// Made at the first line and never destroyed, so that late destructors may still log.
spdlog::logger& logger() {
  static auto& instance = *[] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto made = std::make_unique<spdlog::logger>("weir", std::move(sink));
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    return made.release();
  }();
  return instance;
}

bool plain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; }

void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if ((c >= 0 && c < ' ') || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;  // UTF-8 stays as it is
    }
  }
  out += '"';
}

}  // namespace

std::optional<Level> level_named(std::string_view name) {
  const auto* found = std::ranges::find(names, name, [](const auto& entry) { return entry.first; });
  if (found == names.end()) return std::nullopt;
  return found->second;
}

void set_level(Level level) { logger().set_level(vendor_level(level)); }

std::string line(std::string_view message, Fields fields) {
  std::string out{message};
  for (const Field& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    if (!field.value.empty() && std::ranges::all_of(field.value, plain)) {
      out += field.value;
    } else {
      append_quoted(out, field.value);
    }
  }
  return out;
}

void write(Level level, std::string_view message, Fields fields) {
  if (!logger().should_log(vendor_level(level))) return;
  logger().log(vendor_level(level), fmt::format("{} {}", name_of(level), line(message, fields)));
}

}  // namespace weir::log
