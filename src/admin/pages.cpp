#include "weir/admin/pages.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace weir::admin {
namespace {

using cluster::ClusterStatus;
using cluster::EndpointStatus;

std::string short_time(Duration duration) {
  const double milliseconds = seconds(duration) * 1000;
  if (milliseconds <= 0) return "0 ms";
  if (milliseconds < 10) return fmt::format("{:.2g} ms", milliseconds);
  if (milliseconds < 1000) return fmt::format("{:.0f} ms", milliseconds);
  return fmt::format("{:.3g} s", milliseconds / 1000);
}

std::string long_time(Duration duration) {
  const auto total = std::chrono::floor<std::chrono::seconds>(duration).count();
  const auto days = total / 86'400;
  const auto hours = total / 3600 % 24;
  const auto minutes = total / 60 % 60;
  if (days > 0) return fmt::format("{} d {} h", days, hours);
  if (hours > 0) return fmt::format("{} h {} min", hours, minutes);
  if (minutes > 0) return fmt::format("{} min {} s", minutes, total % 60);
  return fmt::format("{} s", total);
}

// 1 234 567, with thin spaces that do not break.
std::string grouped(std::uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3) {
    text.insert(static_cast<std::size_t>(place), "\u202f");
  }
  return text;
}

std::string_view tone_of_health(std::string_view health) {
  if (health == "healthy") return "good";
  return health == "ejected" ? "bad" : "warn";
}

std::string_view tone_of(resilience::BreakerState state) {
  switch (state) {
    case resilience::BreakerState::closed: return "good";
    case resilience::BreakerState::open: return "bad";
    case resilience::BreakerState::half_open: return "warn";
  }
  return "";
}

std::string_view tone_of(Phase phase) {
  switch (phase) {
    case Phase::starting: return "warn";
    case Phase::ready: return "good";
    case Phase::draining: return "warn";
  }
  return "";
}

// Text between elements: whoever calls `html` has escaped what it hands over, or made it itself.
class Html {
 public:
  template <class... Arguments>
  void html(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }
  void badge(std::string_view tone, std::string_view text) {
    html("<span class=\"badge {}\">{}</span>", tone, escape_html(text));
  }
  // A share between 0 and 1 as a bar; <meter> needs no inline style.
  void meter(double share, std::string_view tone) {
    html("<meter class=\"{}\" min=\"0\" max=\"1\" value=\"{:.3f}\"></meter>", tone,
         std::clamp(share, 0.0, 1.0));
  }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

void write_header(Html& out, const View& view) {
  out.html("<header><div><h1>{}</h1><p class=\"quiet\">", escape_html(view.service.name));
  if (!view.service.version.empty()) out.html("version {} · ", escape_html(view.service.version));
  if (!view.service.zone.empty()) out.html("zone {} · ", escape_html(view.service.zone));
  out.html("up {} · {} worker{} · weir {}</p></div><div class=\"right\">", long_time(view.uptime),
           view.workers, view.workers == 1 ? "" : "s", escape_html(view.weir_version));
  out.badge(tone_of(view.phase), name_of(view.phase));
  out.badge("plain", fmt::format("generation {}", view.generation));
  if (!view.phase_reason.empty()) {
    out.html("<p class=\"quiet\">{}</p>", escape_html(view.phase_reason));
  }
  out.html("</div></header>");
}

struct Tile {
  std::string_view name;  // the script finds the same tile again and shows its rate
  std::string_view title;
  std::string value;
  double raw = 0;
  std::string note;
  std::string_view tone;
};

std::string share_note(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "no requests yet";
  return fmt::format("{:.3g} % of requests",
                     100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// Of the calls for which somebody looked.
struct Coverage {
  std::uint64_t looked = 0;
  std::uint64_t found = 0;
};

Coverage coverage_of(const telemetry::Totals& totals) {
  using telemetry::CauseSource;
  Coverage coverage;
  for (std::size_t source = 0; source < totals.causes.size(); ++source) {
    if (static_cast<CauseSource>(source) == CauseSource::off) continue;
    coverage.looked += totals.causes[source];
    if (static_cast<CauseSource>(source) == CauseSource::none) continue;
    coverage.found += totals.causes[source];
  }
  return coverage;
}

std::string share_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "–";
  return fmt::format("{:.3g} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

void write_tiles(Html& out, const telemetry::Totals& totals) {
  const Coverage coverage = coverage_of(totals);
  const auto count = [](std::uint64_t number) { return static_cast<double>(number); };
  const Tile tiles[] = {
      {"requests", "Requests", grouped(totals.requests), count(totals.requests),
       fmt::format("{} inbound, {} outbound in flight", totals.inbound_in_flight,
                   totals.outbound_in_flight),
       ""},
      {"failures", "Failures", grouped(totals.failures), count(totals.failures),
       share_note(totals.failures, totals.requests), totals.failures > 0 ? "bad" : ""},
      {"saved", "Saved", grouped(totals.failovers_saved), count(totals.failovers_saved),
       fmt::format("by failover, of {} tried; {} refused", grouped(totals.failovers),
                   grouped(totals.failovers_refused)),
       totals.failovers_saved > 0 ? "good" : ""},
      {"fallbacks", "Fallbacks", grouped(totals.fallbacks), count(totals.fallbacks),
       share_note(totals.fallbacks, totals.requests), ""},
      {"expired", "Expired", grouped(totals.expired), count(totals.expired),
       "on arrival, never forwarded", ""},
      {"unproductive", "Unproductive", fmt::format("{:.1f} s", totals.unproductive_seconds),
       totals.unproductive_seconds,
       fmt::format("work nobody could use; {} late responses", grouped(totals.late_responses)), ""},
      {"correlated", "Correlated", share_of(coverage.found, coverage.looked), -1,
       fmt::format("of outbound calls; {} cancelled, {} refused with their caller",
                   grouped(totals.cascade_cancelled), grouped(totals.cascade_refused)),
       ""},
      {"connections", "Connections",
       grouped(totals.downstream_connections + totals.upstream_connections), -1,
       fmt::format("{} downstream, {} upstream", totals.downstream_connections,
                   totals.upstream_connections),
       ""},
  };
  out.html("<section class=\"tiles\">");
  for (const Tile& tile : tiles) {
    out.html(
        "<div class=\"tile {}\" data-name=\"{}\" data-count=\"{}\"><h3>{}<em data-rate></em></h3>",
        tile.tone, tile.name, tile.raw, tile.title);
    out.html("<strong>{}</strong><p class=\"quiet\">{}</p></div>", tile.value, tile.note);
  }
  out.html("</section>");
}

// How many of a kind, and their share: one row, in the order in which they were declared.
template <class Source, std::size_t Size>
void write_sources(Html& out, std::string_view title,
                   const std::array<std::uint64_t, Size>& counts) {
  std::uint64_t whole = 0;
  for (const std::uint64_t count : counts) whole += count;
  out.html("<tr><td>{}</td><td class=\"long\">", title);
  for (std::size_t source = 0; source < Size; ++source) {
    if (counts[source] == 0) continue;
    out.badge("plain", fmt::format("{} {} · {}", name_of(static_cast<Source>(source)),
                                   share_of(counts[source], whole), grouped(counts[source])));
  }
  out.html("</td></tr>");
}

void write_origins(Html& out, const telemetry::Totals& totals) {
  using resilience::BudgetSource;
  out.html(
      "<section><h2>Where budgets come from</h2><article><div class=\"scroll\"><table><tbody>");
  write_sources<BudgetSource>(out, "Budgets of inbound requests", totals.budget_sources[0]);
  write_sources<BudgetSource>(out, "Budgets of outbound calls", totals.budget_sources[1]);
  write_sources<telemetry::CauseSource>(out, "Cause of outbound calls found by", totals.causes);
  out.html("</tbody></table></div></article></section>");
}

void write_endpoint(Html& out, const EndpointStatus& endpoint, Duration slowest) {
  out.html("<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>", endpoint.facts.address.text(),
           escape_html(endpoint.facts.version), escape_html(endpoint.facts.zone));
  out.badge(tone_of_health(endpoint.health), endpoint.health);
  if (!endpoint.checked.empty()) {
    out.html(" ");
    out.badge(endpoint.checked == "well" ? "good" : "bad", endpoint.checked);
  }
  if (endpoint.ejected_for > Duration::zero()) {
    out.html(" <span class=\"quiet\">{}</span>", short_time(endpoint.ejected_for));
  }
  out.html("</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>",
           endpoint.outstanding, short_time(endpoint.latency));
  const double scale = std::max(seconds(slowest), 1e-9);
  out.meter(seconds(endpoint.latency) / scale, "plain");
  out.html("</td><td class=\"number\">{:.3g} %</td><td>", endpoint.error_rate * 100);
  out.meter(endpoint.error_rate, "bad");
  out.html("</td><td class=\"number\">{}</td></tr>", endpoint.ejections);
}

void write_upstream(Html& out, const ClusterStatus& upstream) {
  out.html("<article><div class=\"title\"><h3>{}</h3><p>", escape_html(upstream.name));
  for (const auto& breaker : upstream.breakers) {
    const std::string version = breaker.version.empty() ? "" : breaker.version + " ";
    out.badge(tone_of(breaker.state),
              fmt::format("breaker {}{}", version, resilience::name_of(breaker.state)));
  }
  out.html(
      "</p><p class=\"quiet\">median {} · p95 {} · p99 {} · {} in the bulkhead, {} waiting · "
      "{:.1f} retry tokens</p></div>",
      short_time(upstream.latency.median), short_time(upstream.latency.p95),
      short_time(upstream.latency.p99), upstream.concurrent, upstream.waiting,
      upstream.retry_tokens);
  out.html(
      "<div class=\"scroll\"><table><thead><tr><th>Endpoint</th><th>Version</th><th>Zone</th>"
      "<th>Health</th><th class=\"number\">Running</th><th class=\"number\" colspan=\"2\">"
      "Latency</th><th class=\"number\" colspan=\"2\">Errors</th>"
      "<th class=\"number\">Ejections</th></tr></thead><tbody>");
  Duration slowest{};
  for (const auto& endpoint : upstream.endpoints) slowest = std::max(slowest, endpoint.latency);
  for (const auto& endpoint : upstream.endpoints) write_endpoint(out, endpoint, slowest);
  out.html("</tbody></table></div></article>");
}

void write_in_flight(Html& out, const View& view) {
  out.html("<section><h2>In flight</h2>");
  if (view.in_flight.empty()) {
    return out.html("<p class=\"quiet empty\">Nothing is in flight.</p></section>");
  }
  out.html(
      "<article><div class=\"scroll\"><table><thead><tr><th>Exchange</th><th>Request</th>"
      "<th>Route</th><th>Upstream</th><th>State</th><th class=\"number\">Age</th>"
      "<th class=\"number\" colspan=\"2\">Budget left</th></tr></thead><tbody>");
  for (const InFlight& exchange : view.in_flight) {
    out.html(
        "<tr><td class=\"quiet\">{} {}</td><td class=\"long\"><code>{}</code></td><td>{}</td>"
        "<td>{}</td><td>{}</td>",
        telemetry::name_of(exchange.direction), exchange.id, escape_html(exchange.request),
        escape_html(exchange.route), escape_html(exchange.upstream), escape_html(exchange.state));
    const double total = std::max(seconds(exchange.budget), 1e-9);
    const double share = seconds(exchange.budget_left) / total;
    out.html("<td class=\"number\">{}</td><td class=\"number\">{}</td><td>",
             short_time(exchange.age), short_time(exchange.budget_left));
    out.meter(share, share < 0.2 ? "bad" : share < 0.5 ? "warn" : "good");
    out.html("</td></tr>");
  }
  out.html("</tbody></table></div></article></section>");
}

void write_history(Html& out, const View& view) {
  out.html(
      "<section><h2>Configuration history</h2><article><div class=\"scroll\"><table><thead>"
      "<tr><th class=\"number\">Generation</th><th>Time (UTC)</th><th>Result</th>"
      "<th>What changed</th></tr></thead><tbody>");
  for (const GenerationEntry& entry : view.history) {
    const bool success = entry.result == telemetry::ReloadResult::success;
    out.html("<tr><td class=\"number\">{}</td><td>{:%F %T}</td><td>", entry.generation,
             std::chrono::floor<std::chrono::seconds>(entry.at));
    out.badge(success ? "good" : "bad", success ? "loaded" : "refused");
    out.html("</td><td class=\"long\">{}</td></tr>", escape_html(entry.note));
  }
  out.html("</tbody></table></div></article></section>");
}

}  // namespace

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::starting: return "starting";
    case Phase::ready: return "ready";
    case Phase::draining: return "draining";
  }
  return "";
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char byte : text) {
    switch (byte) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      case '\0': escaped += "\ufffd"; break;
      default: escaped += byte;
    }
  }
  return escaped;
}

std::string live_html(const View& view) {
  Html out;
  write_header(out, view);
  write_tiles(out, view.totals);
  out.html("<section><h2>Upstreams</h2>");
  if (view.upstreams.empty()) out.html("<p class=\"quiet empty\">No upstream is configured.</p>");
  for (const auto& upstream : view.upstreams) write_upstream(out, upstream);
  out.html("</section>");
  write_in_flight(out, view);
  write_origins(out, view.totals);
  write_history(out, view);
  return std::move(out).take();
}

std::string page_html(const View& view) {
  Html out;
  out.html(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{} · weir</title><link rel=\"stylesheet\" href=\"page.css\">"
      "<script src=\"page.js\" defer></script></head><body>",
      escape_html(view.service.name));
  out.html(
      "<nav><b>weir</b><a href=\"status.json\">status.json</a><a href=\"metrics\">metrics</a>"
      "<a href=\"config\">config</a><span id=\"link\" role=\"status\"></span>"
      "<button data-post=\"reload\">Reload configuration</button></nav>");
  out.html("<main id=\"live\">{}</main>", live_html(view));
  out.html("<footer class=\"quiet\">{}{}</footer></body></html>",
           view.inbound.empty() ? "" : fmt::format("inbound {} ", escape_html(view.inbound)),
           view.outbound.empty() ? "" : fmt::format("outbound {}", escape_html(view.outbound)));
  return std::move(out).take();
}

}  // namespace weir::admin
