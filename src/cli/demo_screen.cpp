// The view for a terminal.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "cli/demo_line.h"
#include "cli/demo_view.h"

namespace weir::cli {
namespace {

// Where the columns of the tables begin; the bars take what is left.
constexpr std::size_t name_column = 4;
constexpr std::size_t port_column = 15;
constexpr std::size_t condition_column = 22;
constexpr std::size_t health_column = 30;
constexpr std::size_t bar_column = 46;
constexpr std::size_t after_bar = 22;   // share, calls per second, latency
constexpr std::size_t fixed_rows = 20;  // everything but the events
constexpr std::size_t label_column = 14;

struct Symbols {
  std::string_view selected;
  std::string_view full;
  std::string_view empty;
  std::string_view arrow;
};
const Symbols& symbols(const Look& look) {
  static constexpr Symbols unicode{"▸", "█", "·", "→"};
  static constexpr Symbols ascii{">", "#", ".", "->"};
  return look.glyphs == Look::Glyphs::unicode ? unicode : ascii;
}

Style style_of(Condition condition) {
  switch (condition) {
    case Condition::ok: return Style::good;
    case Condition::slow: return Style::uneasy;
    default: return Style::bad;
  }
}

Style style_of_health(std::string_view health) {
  if (health == "healthy") return Style::good;
  return health == "ejected" ? Style::bad : Style::uneasy;
}

Style style_of_success(double success) {
  if (success > 0.9995) return Style::good;
  return success > 0.99 ? Style::uneasy : Style::bad;
}

std::string repeated(std::string_view piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

std::string health_text(const InstanceView& instance) {
  if (instance.health != "ejected") return instance.health;
  return fmt::format("ejected {:.1f} s", seconds(instance.ejected_for));
}

std::string title(const Picture& picture, const Look& look) {
  const auto arrow = fmt::format(" {} ", symbols(look).arrow);
  const auto total = static_cast<int>(seconds(picture.elapsed));
  const auto clock = fmt::format("{}:{:02}", total / 60, total % 60);
  Line line{look};
  line.put(" ").put("weir demo", Style::bold).to(label_column);
  line.put("users").put(arrow, Style::faint).put("weir").put(arrow, Style::faint);
  line.put("orders").put(arrow, Style::faint).put("weir").put(arrow, Style::faint).put("catalog");
  line.to(look.columns - std::min(look.columns, clock.size() + 1)).put(clock, Style::faint);
  return line.text();
}

std::string table_head(const SidecarView& sidecar, const Look& look) {
  Line line{look};
  line.put(" ").put(sidecar.upstream, Style::bold).to(port_column).put("port", Style::faint);
  line.to(condition_column).put("state", Style::faint);
  line.to(health_column);
  if (sidecar.alive) {
    line.put(fmt::format("seen by {}", sidecar.beside), Style::faint);
  } else {
    line.put("its weir is dead", Style::bad);
  }
  line.to(bar_column).put("calls that reach it", Style::faint);
  line.to(look.columns - 8).put("latency", Style::faint);
  return line.text();
}

std::string row(const InstanceView& instance, std::size_t index, bool selected, const Look& look) {
  const auto& symbol = symbols(look);
  const std::size_t bar =
      look.columns > bar_column + after_bar ? look.columns - bar_column - after_bar : 0;
  const auto full = static_cast<std::size_t>(
      std::lround(std::clamp(instance.share, 0.0, 1.0) * static_cast<double>(bar)));
  Line line{look};
  line.put(selected ? symbol.selected : " ", Style::bold);
  line.put(fmt::format(" {} ", index + 1), selected ? Style::bold : Style::faint);
  line.to(name_column).put(instance.name, selected ? Style::bold : Style::plain);
  line.to(port_column).put(fmt::format("{}", instance.port), Style::faint);
  line.to(condition_column).put(name_of(instance.condition), style_of(instance.condition));
  line.to(health_column).put(health_text(instance), style_of_health(instance.health));
  line.to(bar_column).put(repeated(symbol.full, full), style_of(instance.condition));
  line.put(repeated(symbol.empty, bar - full), Style::faint);
  line.put(fmt::format("{:4.0f} %", instance.share * 100));
  line.put(fmt::format("{:4.0f}/s", instance.calls_per_second), Style::faint);
  const auto milliseconds = seconds(instance.latency) * 1000;
  line.put(milliseconds > 0 ? fmt::format("{:5.0f} ms", milliseconds) : "       -");
  return line.text();
}

std::string recent(const Picture& picture, const Look& look) {
  const auto& traffic = picture.traffic;
  Line line{look};
  line.put(" last 5 s", Style::faint).to(label_column);
  line.put(fmt::format("{:.0f} requests/s   ", traffic.per_second));
  line.put(fmt::format("{:.2f} % answered", shown_percent(traffic.success)),
           style_of_success(traffic.success));
  line.put(fmt::format("   p50 {:.0f} ms   p99 {:.0f} ms", seconds(traffic.median) * 1000,
                       seconds(traffic.p99) * 1000));
  return line.text();
}

std::string since_start(const Picture& picture, const Look& look) {
  std::uint64_t failovers = 0;
  std::uint64_t saved = 0;
  for (const auto& sidecar : picture.sidecars) {
    failovers += sidecar.report.failovers;
    saved += sidecar.report.failovers_saved;
  }
  Line line{look};
  line.put(" since start", Style::faint).to(label_column);
  line.put(fmt::format("{} requests   ", picture.traffic.asked));
  line.put(fmt::format("{} lost", picture.traffic.lost),
           picture.traffic.lost == 0 ? Style::good : Style::bad);
  line.put(fmt::format("   {} failovers ({} saved, {:.1f}/s now)", failovers, saved,
                       picture.failovers_per_second));
  return line.text();
}

std::string losses(const Picture& picture, const Look& look) {
  std::uint64_t expired = 0;
  double unproductive = 0;
  for (const auto& sidecar : picture.sidecars) {
    expired += sidecar.report.expired;
    unproductive += sidecar.report.unproductive_seconds;
  }
  std::string refused;
  for (const auto& [reason, count] : picture.refusals) {
    refused += fmt::format("{}{} {}", refused.empty() ? "" : ", ", reason, count);
  }
  Line line{look};
  line.put(" budgets", Style::faint).to(label_column);
  line.put(fmt::format("{} expired   {:.1f} s unproductive   no failover: {}", expired,
                       unproductive, refused.empty() ? "-" : refused));
  return line.text();
}

std::string shown(const Event& event, const Look& look) {
  const auto text = event_line(event);
  const auto blank = text.find(' ');
  return Line{look}
      .put(" ")
      .put(text.substr(0, blank), Style::faint)
      .to(label_column)
      .put(text.substr(blank + 1))
      .text();
}

std::string selected_name(const Picture& picture) {
  std::size_t index = 0;
  for (const auto& sidecar : picture.sidecars) {
    for (const auto& instance : sidecar.instances) {
      if (index++ == picture.selected) return instance.name;
    }
  }
  return {};
}

void add_help(const Picture& picture, const Look& look, std::vector<std::string>& lines) {
  Line pages{look};
  pages.put(" admin pages", Style::faint).to(label_column);
  for (const auto& sidecar : picture.sidecars) {
    pages.put(fmt::format("{} ", sidecar.beside), Style::faint).put(sidecar.admin_url).put("  ");
  }
  lines.push_back(pages.text());
  lines.push_back(
      Line{look}
          .put(" from outside", Style::faint)
          .to(label_column)
          .put(fmt::format("curl -X POST {}{}/kill", picture.control_url, selected_name(picture)))
          .text());
  lines.push_back(Line{look}
                      .put(" sidecars", Style::faint)
                      .to(label_column)
                      .put(fmt::format("edit {}/*.yaml: saving reloads", picture.directory))
                      .text());
  Line keys{look};
  keys.put(" ");
  for (const std::string_view key :
       {"1-6 choose", "k kill", "h hang", "s slow", "b break", "r restore", "q quit"}) {
    const auto blank = key.find(' ');
    keys.put(key.substr(0, blank), Style::bold).put(key.substr(blank)).put("   ");
  }
  lines.push_back(keys.text());
}

}  // namespace

std::vector<std::string> screen(const Picture& picture, const Look& look) {
  std::vector<std::string> lines{title(picture, look)};
  std::size_t index = 0;
  for (const auto& sidecar : picture.sidecars) {
    lines.push_back(table_head(sidecar, look));
    for (const auto& instance : sidecar.instances) {
      lines.push_back(row(instance, index, index == picture.selected, look));
      ++index;
    }
    lines.emplace_back();
  }
  lines.insert(lines.end(),
               {recent(picture, look), since_start(picture, look), losses(picture, look), ""});
  const std::size_t room = look.rows > fixed_rows ? look.rows - fixed_rows : 0;
  const std::size_t first = picture.events.size() - std::min(room, picture.events.size());
  for (std::size_t i = first; i < picture.events.size(); ++i) {
    lines.push_back(shown(picture.events[i], look));
  }
  lines.resize(lines.size() + room - (picture.events.size() - first) + 1);
  add_help(picture, look, lines);
  lines.resize(std::min(lines.size(), look.rows));
  return lines;
}

}  // namespace weir::cli
