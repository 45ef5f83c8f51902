#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "weir/interception/rules.h"

namespace weir::interception {
namespace {

using Table = Rule::Table;
using Chain = Rule::Chain;
using Verdict = Rule::Verdict;

constexpr std::string_view prefix = "WEIR_";

std::string_view name_of(Table table) { return table == Table::nat ? "nat" : "mangle"; }

std::string_view name_of(Chain chain) {
  switch (chain) {
    case Chain::inbound: return "WEIR_INBOUND";
    case Chain::output: return "WEIR_OUTPUT";
    case Chain::to_inbound: return "WEIR_TO_INBOUND";
    case Chain::to_outbound: return "WEIR_TO_OUTBOUND";
  }
  return {};
}

// Where the kernel's own chains lead into ours.
struct Hook {
  Chain chain;
  std::string_view from;
  std::string_view comment;
};
constexpr std::array<Hook, 2> hooks{{{Chain::inbound, "PREROUTING", "connections from outside"},
                                     {Chain::output, "OUTPUT", "connections from this host"}}};

std::string comment_of(std::string_view text) {
  return fmt::format(R"( -m comment --comment "weir: {}")", text);
}

std::string owner_of(const Rule::Owner& owner) {
  const std::string_view no = owner.test == Rule::Owner::Test::is_not ? "! " : "";
  std::string text = " -m owner";
  if (owner.user) text += fmt::format(" {}--uid-owner {}", no, *owner.user);
  if (owner.group) text += fmt::format(" {}--gid-owner {}", no, *owner.group);
  return text;
}

std::string verdict_of(const Rule& rule) {
  switch (rule.verdict) {
    case Verdict::pass: return "RETURN";
    case Verdict::to_inbound: return std::string{name_of(Chain::to_inbound)};
    case Verdict::to_outbound: return std::string{name_of(Chain::to_outbound)};
    case Verdict::redirect: return fmt::format("REDIRECT --to-ports {}", rule.port);
    case Verdict::tproxy:
      return fmt::format("TPROXY --on-port {} --tproxy-mark {}", rule.port, policy::tproxy_mark);
    case Verdict::save_mark: return "CONNMARK --save-mark";
    case Verdict::restore_mark: return "CONNMARK --restore-mark";
  }
  return {};
}

std::string line_of(const Rule& rule) {
  std::string text = fmt::format("-A {}", name_of(rule.chain));
  if (rule.from) text += " -s " + rule.from->text();
  if (rule.to) text += " -d " + rule.to->text();
  if (rule.not_to) text += " ! -d " + rule.not_to->text();
  if (rule.loopback) text += rule.chain == Chain::inbound ? " -i lo" : " -o lo";
  text += " -p tcp";
  if (rule.destination_port) text += fmt::format(" --dport {}", *rule.destination_port);
  if (rule.owner) text += owner_of(*rule.owner);
  if (rule.marked) text += fmt::format(" -m mark --mark {}", policy::tproxy_mark);
  if (rule.connection_marked) text += fmt::format(" -m connmark --mark {}", policy::tproxy_mark);
  if (rule.state == Rule::State::fresh) text += " -m conntrack --ctstate NEW";
  if (rule.state == Rule::State::ours) text += " -m socket --transparent";
  return fmt::format("{}{} -j {}\n", text, comment_of(rule.comment), verdict_of(rule));
}

// What the kernel holds of ours, in one table.
struct Standing {
  std::vector<std::string_view> chains;
  std::vector<std::string_view> jumps;  // "-A OUTPUT ... -j WEIR_OUTPUT", as saved
};

Standing standing_in(std::string_view saved, Table table) {
  Standing standing;
  bool inside = false;
  while (!saved.empty()) {
    const auto end = std::min(saved.find('\n'), saved.size());
    const std::string_view line = saved.substr(0, end);
    saved.remove_prefix(std::min(end + 1, saved.size()));
    if (line.starts_with('*')) inside = line.substr(1) == name_of(table);
    if (!inside) continue;
    const std::string_view chain = line.substr(0, line.find(' '));
    if (chain.starts_with(':') && chain.substr(1).starts_with(prefix)) {
      standing.chains.push_back(chain.substr(1));
    }
    const bool foreign = line.starts_with("-A ") && !line.substr(3).starts_with(prefix);
    if (foreign && line.find(" -j WEIR_") != std::string_view::npos) standing.jumps.push_back(line);
  }
  return standing;
}

std::string table_script(const std::vector<const Rule*>& rules, Table table,
                         const Standing& standing) {
  std::vector<std::string_view> chains;
  for (const Rule* rule : rules) {
    if (std::ranges::find(chains, name_of(rule->chain)) == chains.end()) {
      chains.push_back(name_of(rule->chain));
    }
  }
  if (chains.empty() && standing.chains.empty() && standing.jumps.empty()) return {};
  std::vector<std::string_view> stale;
  for (const std::string_view chain : standing.chains) {
    if (std::ranges::find(chains, chain) == chains.end()) stale.push_back(chain);
  }
  std::string text = fmt::format("*{}\n", name_of(table));
  // Naming a chain of ours empties it when it stands already.
  for (const std::string_view chain : chains) text += fmt::format(":{} - [0:0]\n", chain);
  for (const std::string_view chain : stale) text += fmt::format(":{} - [0:0]\n", chain);
  for (const std::string_view jump : standing.jumps) text += fmt::format("-D{}\n", jump.substr(2));
  for (const Rule* rule : rules) text += line_of(*rule);
  for (const auto& [chain, from, comment] : hooks) {
    if (std::ranges::find(chains, name_of(chain)) == chains.end()) continue;
    text += fmt::format("-A {} -p tcp{} -j {}\n", from, comment_of(comment), name_of(chain));
  }
  for (const std::string_view chain : stale) text += fmt::format("-X {}\n", chain);
  return text + "COMMIT\n";
}

}  // namespace

std::string iptables_script(const std::vector<Rule>& rules, Address::Family family,
                            std::string_view saved) {
  std::string text;
  for (const Table table : {Table::nat, Table::mangle}) {
    std::vector<const Rule*> chosen;
    for (const Rule& rule : rules) {
      if (rule.table == table && rule.serves(family)) chosen.push_back(&rule);
    }
    text += table_script(chosen, table, standing_in(saved, table));
  }
  return text;
}

}  // namespace weir::interception
