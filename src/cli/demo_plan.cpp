#include "cli/demo_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

constexpr int instances_each = 3;
constexpr std::string_view blanks = " \t\n";

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (auto begin = text.find_first_not_of(blanks); begin != text.npos;
       begin = text.find_first_not_of(blanks, begin)) {
    const auto end = std::min(text.find_first_of(blanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::expected<Step, std::string> parse_step(std::string_view text) {
  const auto words = words_of(text);
  const auto wrong = [&](std::string_view why) {
    return std::unexpected(
        fmt::format("\"{}\": {}; a step looks like: at 2s kill catalog-1", text, why));
  };
  if (words.size() != 4 || words[0] != "at") return wrong("not a step");
  const auto at = parse_duration(words[1]);
  if (!at) return wrong("not a time");
  const auto verb = parse_verb(words[2]);
  if (!verb) return wrong("unknown verb");
  const auto plan = plan_mesh(0);
  if (std::ranges::find(plan.instances, words[3], &InstancePlan::name) == plan.instances.end()) {
    return wrong("unknown instance");
  }
  return Step{.at = *at, .verb = *verb, .instance = std::string{words[3]}};
}

}  // namespace

std::vector<Address> MeshPlan::addresses() const {
  std::vector<Address> all{control};
  for (const auto& sidecar : sidecars) all.insert(all.end(), {sidecar.outbound, sidecar.admin});
  for (const auto& instance : instances) all.push_back(instance.address);
  return all;
}

MeshPlan plan_mesh(std::uint16_t base) {
  const auto loopback = [base](int offset) {
    return Address::v4({127, 0, 0, 1}, static_cast<std::uint16_t>(base + offset));
  };
  MeshPlan plan;
  plan.control = loopback(0);
  plan.sidecars = {{.beside = "edge",
                    .upstream = "orders",
                    .outbound = loopback(10),
                    .admin = loopback(11),
                    .budget = milliseconds{500}},
                   {.beside = "orders",
                    .upstream = "catalog",
                    .outbound = loopback(20),
                    .admin = loopback(21),
                    .budget = milliseconds{300}}};
  for (int number = 1; number <= instances_each; ++number) {
    plan.instances.push_back({.name = fmt::format("orders-{}", number),
                              .service = "orders",
                              .address = loopback(30 + number),
                              .through = plan.sidecars[1].outbound,
                              .calls = "catalog"});
  }
  for (int number = 1; number <= instances_each; ++number) {
    plan.instances.push_back({.name = fmt::format("catalog-{}", number),
                              .service = "catalog",
                              .address = loopback(40 + number),
                              .through = std::nullopt,
                              .calls = {}});
  }
  return plan;
}

std::string sidecar_yaml(const MeshPlan& plan, const SidecarPlan& sidecar,
                         const std::filesystem::path& directory) {
  std::string endpoints;
  for (const auto& instance : plan.instances) {
    if (instance.service != sidecar.upstream) continue;
    endpoints += fmt::format("      - {{ address: \"{}\" }}  # {}\n", instance.address.text(),
                             instance.name);
  }
  return fmt::format(
      R"(# The weir beside {beside}. Change something and save: it is reloaded at once.
service: {{ name: {beside} }}
admin:   {{ listen: "{admin}" }}
outbound:
  listen: "{outbound}"
upstreams:
  {upstream}:
    endpoints:
{endpoints}    # In turn, so that every instance is seen to get its third. With peak_ewma, the default, a sick
    # instance loses its traffic before it is ejected: try it.
    balance:  {{ policy: round_robin }}
    failover: {{ ratio: 10% }}
    ejection: {{ consecutive_failures: 3, base: 2s, ramp: 3s }}
routes:
  - match:  {{ host: {upstream} }}
    to:     {upstream}
    budget: {budget}ms
access_log:
  format: text
  path: "{directory}/{beside}-access.log"
process: {{ drain: 1s }}
)",
      fmt::arg("beside", sidecar.beside), fmt::arg("admin", sidecar.admin.text()),
      fmt::arg("outbound", sidecar.outbound.text()), fmt::arg("upstream", sidecar.upstream),
      fmt::arg("endpoints", endpoints), fmt::arg("budget", whole_milliseconds(sidecar.budget)),
      fmt::arg("directory", directory.string()));
}

std::optional<Verb> parse_verb(std::string_view word) {
  if (word == "restart") return Verb::restore;
  for (const Verb verb : all_verbs) {
    if (name_of(verb) == word) return verb;
  }
  return std::nullopt;
}

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::kill: return "kill";
    case Verb::hang: return "hang";
    case Verb::slow: return "slow";
    case Verb::break_: return "break";
    case Verb::restore: return "restore";
  }
  return "";
}

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr double longest_seconds = 24 * 3600;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  double scale = 0;
  if (unit == "ms") scale = 0.001;
  if (unit == "s") scale = 1;
  if (unit == "m") scale = 60;
  if (scale == 0 || number * scale > longest_seconds) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>{number * scale});
}

std::expected<std::vector<Step>, std::string> parse_script(std::string_view text) {
  std::vector<Step> steps;
  while (!text.empty()) {
    const auto end = std::min(text.find(';'), text.size());
    const auto one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words_of(one).empty()) continue;
    auto step = parse_step(one);
    if (!step) return std::unexpected(std::move(step.error()));
    steps.push_back(std::move(*step));
  }
  std::ranges::stable_sort(steps, {}, &Step::at);
  return steps;
}

}  // namespace weir::cli
