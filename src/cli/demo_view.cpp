#include "cli/demo_view.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <ctime>

namespace weir::cli {
namespace {

using boost::json::array;
using boost::json::object;

double milliseconds(Duration duration) { return seconds(duration) * 1000; }

object of(const InstanceView& instance) {
  return {{"name", instance.name},
          {"port", instance.port},
          {"pid", instance.pid},
          {"state", name_of(instance.condition)},
          {"health", instance.health},
          {"share", instance.share},
          {"calls_per_second", instance.calls_per_second},
          {"latency_ms", milliseconds(instance.latency)}};
}

object of(const SidecarView& sidecar) {
  array instances;
  for (const auto& instance : sidecar.instances) instances.push_back(of(instance));
  return {{"beside", sidecar.beside},
          {"upstream", sidecar.upstream},
          {"admin", sidecar.admin_url},
          {"file", sidecar.file},
          {"alive", sidecar.alive},
          {"failovers", sidecar.report.failovers},
          {"failovers_saved", sidecar.report.failovers_saved},
          {"expired", sidecar.report.expired},
          {"unproductive_seconds", sidecar.report.unproductive_seconds},
          {"instances", std::move(instances)}};
}

// Empty when all is well with it.
std::string trouble(const InstanceView& instance) {
  const bool healthy = instance.health == "healthy" || instance.health.empty();
  if (instance.condition == Condition::ok && healthy) return {};
  return fmt::format("  {} {} {} {:.0f} %", instance.name, name_of(instance.condition),
                     instance.health, instance.share * 100);
}

}  // namespace

std::string_view name_of(Condition condition) {
  switch (condition) {
    case Condition::ok: return "ok";
    case Condition::slow: return "slow";
    case Condition::hung: return "hung";
    case Condition::broken: return "broken";
    case Condition::dead: return "dead";
  }
  return "";
}

double shown_percent(double share) {
  constexpr double a_little = 1e-9;  // binary fractions lie just below their decimals
  return std::floor(share * 1e4 + a_little) / 100;
}

std::string status_line(const Picture& picture) {
  auto line = fmt::format("{:5.1f} s  {:3.0f}/s  {:6.2f} % answered  p50 {:.0f} ms  p99 {:.0f} ms",
                          seconds(picture.elapsed), picture.traffic.per_second,
                          shown_percent(picture.traffic.success),
                          milliseconds(picture.traffic.median), milliseconds(picture.traffic.p99));
  line += fmt::format("  {:.1f} failovers/s", picture.failovers_per_second);
  for (const auto& sidecar : picture.sidecars) {
    for (const auto& instance : sidecar.instances) line += trouble(instance);
  }
  return line + '\n';
}

std::string event_line(const Event& event) {
  const std::time_t at = std::chrono::system_clock::to_time_t(event.at);
  return fmt::format("{:%H:%M:%S} {}", fmt::localtime(at), event.text);
}

std::string banner(const Picture& picture) {
  std::string text = "weir demo: users -> weir -> orders (3) -> weir -> catalog (3)\n";
  for (const auto& sidecar : picture.sidecars) {
    text += fmt::format("  the weir in front of {:8} {}  {}\n", sidecar.upstream, sidecar.admin_url,
                        sidecar.file);
  }
  return text + fmt::format(
                    "  make an instance fail: curl -X POST {}catalog-1/kill"
                    " (hang, slow, break, restore)\n",
                    picture.control_url);
}

std::string summary(const Picture& picture) {
  const auto& traffic = picture.traffic;
  const auto good = traffic.asked - traffic.lost;
  const double share =
      traffic.asked == 0 ? 1.0 : static_cast<double>(good) / static_cast<double>(traffic.asked);
  auto text = fmt::format("{:.0f} s, {} requests, {} answered ({:.2f} %), {} lost\n",
                          seconds(picture.elapsed), traffic.asked, good, shown_percent(share),
                          traffic.lost);
  for (const auto& sidecar : picture.sidecars) {
    const auto& report = sidecar.report;
    text += fmt::format(
        "the weir in front of {}: {} failovers, {} of them saved a call whose first instance had "
        "failed it\n",
        sidecar.upstream, report.failovers, report.failovers_saved);
  }
  for (const auto& [reason, count] : picture.refusals) {
    text += fmt::format("failed attempts without a second one, {}: {}\n", reason, count);
  }
  return text;
}

std::string picture_json(const Picture& picture) {
  const auto& traffic = picture.traffic;
  array sidecars;
  for (const auto& sidecar : picture.sidecars) sidecars.push_back(of(sidecar));
  object refusals;
  for (const auto& [reason, count] : picture.refusals) refusals[reason] = count;
  array events;
  for (const auto& event : picture.events) events.push_back(boost::json::value(event_line(event)));
  const object status{{"elapsed_seconds", seconds(picture.elapsed)},
                      {"requests", traffic.asked},
                      {"lost", traffic.lost},
                      {"requests_per_second", traffic.per_second},
                      {"p50_ms", milliseconds(traffic.median)},
                      {"p99_ms", milliseconds(traffic.p99)},
                      {"failovers_refused", std::move(refusals)},
                      {"sidecars", std::move(sidecars)},
                      {"events", std::move(events)}};
  return boost::json::serialize(status) + '\n';
}

}  // namespace weir::cli
