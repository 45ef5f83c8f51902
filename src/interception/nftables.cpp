#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "weir/interception/rules.h"

namespace weir::interception {
namespace {

using Table = Rule::Table;
using Chain = Rule::Chain;
using Verdict = Rule::Verdict;

struct Section {
  Table table;
  Chain chain;
  std::string_view name;
  std::string_view hook;  // empty: other chains lead here
};
constexpr std::array<Section, 6> sections{{
    {Table::nat, Chain::to_inbound, "to_inbound", ""},
    {Table::nat, Chain::to_outbound, "to_outbound", ""},
    {Table::nat, Chain::inbound, "inbound", "type nat hook prerouting priority dstnat"},
    {Table::nat, Chain::output, "output", "type nat hook output priority -100"},
    {Table::mangle, Chain::inbound, "mangle_inbound",
     "type filter hook prerouting priority mangle"},
    {Table::mangle, Chain::output, "mangle_output", "type route hook output priority mangle"},
}};

std::string network_test(std::string_view side, std::string_view comparison,
                         const Network& network) {
  const bool v4 = network.family() == Address::Family::v4;
  const bool single = network.prefix == (v4 ? 32U : 128U);
  return fmt::format(" {} {} {}{}", v4 ? "ip" : "ip6", side, comparison,
                     single ? network.base.host() : network.text());
}

std::string owner_test(const Rule::Owner& owner) {
  const std::string_view no = owner.test == Rule::Owner::Test::is_not ? "!= " : "";
  std::string text;
  if (owner.user) text += fmt::format(" meta skuid {}{}", no, *owner.user);
  if (owner.group) text += fmt::format(" meta skgid {}{}", no, *owner.group);
  return text;
}

std::string verdict_of(const Rule& rule) {
  switch (rule.verdict) {
    case Verdict::pass: return "return";
    case Verdict::to_inbound: return "goto to_inbound";
    case Verdict::to_outbound: return "goto to_outbound";
    case Verdict::redirect: return fmt::format("redirect to :{}", rule.port);
    case Verdict::tproxy:
      return fmt::format("tproxy to :{} meta mark set {} accept", rule.port, policy::tproxy_mark);
    case Verdict::save_mark: return "ct mark set meta mark";
    case Verdict::restore_mark: return "meta mark set ct mark";
  }
  return {};
}

std::string line_of(const Rule& rule) {
  std::string text = "meta l4proto tcp";
  if (rule.destination_port) text = fmt::format("tcp dport {}", *rule.destination_port);
  if (rule.loopback) text += rule.chain == Chain::inbound ? " iifname \"lo\"" : " oifname \"lo\"";
  if (rule.from) text += network_test("saddr", "", *rule.from);
  if (rule.to) text += network_test("daddr", "", *rule.to);
  if (rule.not_to) text += network_test("daddr", "!= ", *rule.not_to);
  if (rule.owner) text += owner_test(*rule.owner);
  if (rule.marked) text += fmt::format(" meta mark {}", policy::tproxy_mark);
  if (rule.connection_marked) text += fmt::format(" ct mark {}", policy::tproxy_mark);
  if (rule.state == Rule::State::fresh) text += " ct state new";
  if (rule.state == Rule::State::ours) text += " socket transparent 1";
  return fmt::format("    {} {} comment \"weir: {}\"\n", text, verdict_of(rule), rule.comment);
}

}  // namespace

std::string nft_script(const std::vector<Rule>& rules, Plan::Families families) {
  // Adding before deleting makes it work whether or not the table is there.
  std::string text = nft_removal() + "table inet weir {\n";
  for (const auto& [table, chain, name, hook] : sections) {
    std::string lines;
    for (const Rule& rule : rules) {
      if (rule.table != table || rule.chain != chain) continue;
      const bool both = families == Plan::Families::both;
      if (both || rule.serves(Address::Family::v4)) lines += line_of(rule);
    }
    if (lines.empty()) continue;
    text += fmt::format("  chain {} {{\n", name);
    if (!hook.empty()) text += fmt::format("    {}; policy accept;\n", hook);
    if (!hook.empty() && families == Plan::Families::v4_only) {
      text += "    meta nfproto ipv6 return comment \"weir: IPv4 only\"\n";
    }
    text += lines + "  }\n";
  }
  return text + "}\n";
}

std::string nft_removal() { return "add table inet weir\ndelete table inet weir\n"; }

}  // namespace weir::interception
