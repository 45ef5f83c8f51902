// Puts rules in place by the programs that the system has for it, and takes them away.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "cli/iptables.h"
#include "cli/program.h"
#include "weir/cli/commands.h"
#include "weir/interception/rules.h"

namespace weir::cli {
namespace {

using Family = Address::Family;
using Done = std::expected<void, RulesProblem>;
using interception::Plan;
using interception::Rule;

std::unexpected<RulesProblem> problem(std::string text, int code) {
  return std::unexpected(RulesProblem{std::move(text), code});
}

// CAP_NET_ADMIN among the effective capabilities, which /proc shows as a mask in hexadecimal.
bool may_change_rules() {
  constexpr unsigned net_admin = 12;
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("CapEff:")) continue;
    return ((std::strtoull(line.c_str() + 7, nullptr, 16) >> net_admin) & 1U) != 0;
  }
  return ::geteuid() == 0;
}

bool kernel_has_v6() { return ::access("/proc/net/if_inet6", F_OK) == 0; }

std::vector<Family> families_of_kernel() {
  if (kernel_has_v6()) return {Family::v4, Family::v6};
  return {Family::v4};
}

// Rules may wait for addresses, routes may not: of a family that is switched off (Docker does so by
// net.ipv6.conf.all.disable_ipv6) the kernel refuses them.
std::vector<Family> families_in_use() {
  std::ifstream addresses{"/proc/net/if_inet6"};
  if (addresses.peek() != std::ifstream::traits_type::eof()) return {Family::v4, Family::v6};
  return {Family::v4};
}

// Runs it and gives its output; a failure is told in the words of the program.
std::expected<std::string, RulesProblem> run(std::vector<std::string> arguments,
                                             std::string_view input = {}) {
  const std::string name = arguments.front();
  arguments.front() = find_program(name);
  if (arguments.front().empty()) {
    return problem(fmt::format("{} is not installed", name), exit_code::unavailable);
  }
  auto ended = run_program(arguments, input);
  if (!ended) return problem(ended.error(), exit_code::os_error);
  if (ended->status == 0) return std::move(ended->output);
  std::string said = ended->errors;
  while (said.ends_with('\n')) said.pop_back();
  return problem(fmt::format("{}: {}", name, said.empty() ? "failed" : said), exit_code::os_error);
}

// Two kinds of iptables hold rules of their own, and both of them are obeyed. One of them is the
// system's choice; the other may be installed beside it, and have been the choice before.
enum class Kind : std::uint8_t { chosen, legacy, nft };

std::string tables(Family family, std::string_view what, Kind kind = Kind::chosen) {
  const std::string_view infix = kind == Kind::legacy ? "-legacy" : kind == Kind::nft ? "-nft" : "";
  return fmt::format("{}{}-{}", family == Family::v4 ? "iptables" : "ip6tables", infix, what);
}

bool has_iptables() { return !find_program("iptables-restore").empty(); }
bool has_nft() { return !find_program("nft").empty(); }

// The rules of one family as a script against what stands now.
std::expected<std::string, RulesProblem> script_for(const std::vector<Rule>& rules, Family family,
                                                    Kind kind = Kind::chosen) {
  auto saved = run({tables(family, "save", kind)});
  if (!saved) return saved;
  return interception::iptables_script(rules, family, *saved);
}

Done restore(Family family, const std::string& script, Kind kind = Kind::chosen) {
  if (script.empty()) return {};
  const auto done = run({tables(family, "restore", kind), "-w", "--noflush"}, script);
  return done ? Done{} : std::unexpected(done.error());
}

Done try_out(Family family, const std::string& script) {
  if (script.empty()) return {};
  const auto done = run({tables(family, "restore"), "-w", "--noflush", "--test"}, script);
  return done ? Done{} : std::unexpected(done.error());
}

// Goes on after a failure: what can be taken away is.
Done remove_iptables(Kind kind) {
  Done result;
  for (const Family family : families_of_kernel()) {
    if (find_program(tables(family, "restore", kind)).empty()) continue;
    const auto script = script_for({}, family, kind);
    // What the kernel or its rights do not let us see we have not put there.
    if (!script && kind != Kind::chosen) continue;
    const Done done = script ? restore(family, *script, kind) : std::unexpected(script.error());
    if (!done) result = done;
  }
  return result;
}

Done remove_all_iptables() {
  Done result;
  for (const Kind kind : {Kind::chosen, Kind::legacy, Kind::nft}) {
    if (const Done done = remove_iptables(kind); !done) result = done;
  }
  return result;
}

// Which is not the system's choice: "iptables-restore v1.8.9 (nf_tables)". Before 1.8 there was
// one.
Kind other_kind() {
  const auto said = run({tables(Family::v4, "restore"), "--version"});
  const bool nft = said && said->find("nf_tables") != std::string::npos;
  return nft ? Kind::legacy : Kind::nft;
}

Done remove_nft() {
  const auto listed = run({"nft", "list", "tables", "inet"});
  if (!listed) return std::unexpected(listed.error());
  if (listed->find("table inet weir\n") == std::string::npos) return {};
  const auto done = run({"nft", "-f", "-"}, interception::nft_removal());
  return done ? Done{} : std::unexpected(done.error());
}

std::vector<std::string> ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  return arguments;
}

bool routed(const interception::Routing& routing) {
  const auto shown = run(ip(routing.show));
  return shown && shown->find(routing.present) != std::string::npos;
}

void remove_routing() {
  for (const Family family : families_of_kernel()) {
    const auto routing = interception::routing_for(family);
    if (!routed(routing)) continue;
    for (const auto& command : routing.remove) (void)run(ip(command));
  }
}

Done add_routing(const std::vector<Family>& families) {
  for (const Family family : families) {
    const auto routing = interception::routing_for(family);
    // The route goes when the loopback interface is switched off, the rule stays.
    if (const auto done = run(ip(routing.route)); !done) return std::unexpected(done.error());
    if (routed(routing)) continue;
    if (const auto done = run(ip(routing.rule)); !done) return std::unexpected(done.error());
  }
  return {};
}

// What is going to be done, tried out and ready.
struct Prepared {
  std::vector<std::pair<Family, std::string>> iptables;
  std::string nft;
};
using Preparation = std::expected<Prepared, RulesProblem>;

Preparation prepare_iptables(const std::vector<Rule>& rules, const Plan& plan) {
  Prepared prepared;
  for (const Family family : families_of_kernel()) {
    const bool wanted = family == Family::v4 || plan.families == Plan::Families::both;
    if (find_program(tables(family, "restore")).empty()) {
      if (!wanted) continue;
      return problem(
          fmt::format("{} is not installed, and the kernel has IPv6: install the package iptables, "
                      "or leave IPv6 alone with --ipv4-only",
                      tables(family, "restore")),
          exit_code::unavailable);
    }
    auto script = script_for(wanted ? rules : std::vector<Rule>{}, family);
    if (!script) return std::unexpected(script.error());
    if (const Done tried = try_out(family, *script); !tried) return std::unexpected(tried.error());
    prepared.iptables.emplace_back(family, std::move(*script));
  }
  return prepared;
}

Preparation prepare_nft(const std::vector<Rule>& rules, const Plan& plan) {
  Prepared prepared{{}, interception::nft_script(rules, plan.families)};
  const auto tried = run({"nft", "--check", "-f", "-"}, prepared.nft);
  if (!tried) return std::unexpected(tried.error());
  return prepared;
}

bool by_nft(const IptablesOptions& options) {
  return options.backend == IptablesOptions::Backend::nft || !has_iptables();
}

Done carry_out(const Prepared& prepared) {
  for (const auto& [family, script] : prepared.iptables) {
    if (const Done done = restore(family, script); !done) return done;
  }
  if (prepared.nft.empty()) return {};
  const auto done = run({"nft", "-f", "-"}, prepared.nft);
  return done ? Done{} : std::unexpected(done.error());
}

Done permitted() {
  if (may_change_rules()) return {};
  return problem(
      "the kernel's rules may not be changed without CAP_NET_ADMIN: run it as root in the network "
      "namespace of the application, or give the init container the capabilities NET_ADMIN and "
      "NET_RAW",
      exit_code::no_permission);
}

Done installed(const IptablesOptions& options) {
  const bool nft = options.backend == IptablesOptions::Backend::nft;
  if (nft && !has_nft()) {
    return problem("nft is not installed: install the package nftables, or leave out --nft",
                   exit_code::unavailable);
  }
  if (!nft && !has_iptables() && !has_nft()) {
    return problem(
        "neither iptables-restore nor nft is installed: install the package iptables or nftables, "
        "or take the image for init containers",
        exit_code::unavailable);
  }
  if (options.action == IptablesOptions::Action::apply && options.plan.tproxies() &&
      find_program("ip").empty()) {
    return problem(
        "ip is not installed, and tproxy needs a routing rule: install the package "
        "iproute2",
        exit_code::unavailable);
  }
  return {};
}

Done put_in_place(const Prepared& prepared, const IptablesOptions& options) {
  if (options.plan.tproxies()) {
    std::vector<Family> families = families_in_use();
    if (options.plan.families == Plan::Families::v4_only) families = {Family::v4};
    if (const Done done = add_routing(families); !done) return done;
  }
  if (const Done done = carry_out(prepared); !done) return done;
  if (!options.plan.tproxies()) remove_routing();
  // Those of the other kind would bring connections here a second time.
  if (by_nft(options)) return remove_all_iptables();
  Done removed = remove_iptables(other_kind());
  if (has_nft()) {
    if (const Done done = remove_nft(); !done) removed = done;
  }
  return removed;
}

}  // namespace

Done apply_rules(const IptablesOptions& options) {
  if (const Done may = permitted(); !may) return may;
  if (const Done can = installed(options); !can) return can;
  const auto rules = interception::rules_for(options.plan);
  const auto prepared =
      by_nft(options) ? prepare_nft(rules, options.plan) : prepare_iptables(rules, options.plan);
  if (!prepared) return std::unexpected(prepared.error());
  const Done done = put_in_place(*prepared, options);
  if (done) return done;
  const Done undone = remove_rules(options);
  return problem(fmt::format("{}\nno rule of weir is in place{}", done.error().text,
                             undone ? "" : ", as far as they could be removed"),
                 done.error().exit_code);
}

Done remove_rules(const IptablesOptions& options) {
  if (const Done may = permitted(); !may) return may;
  if (const Done can = installed(options); !can) return can;
  Done result;
  const bool only_nft = options.backend == IptablesOptions::Backend::nft;
  if (!only_nft || options.action != IptablesOptions::Action::remove) {
    result = remove_all_iptables();
  }
  if (has_nft()) {
    if (const Done done = remove_nft(); !done) result = done;
  }
  remove_routing();
  return result;
}

}  // namespace weir::cli
