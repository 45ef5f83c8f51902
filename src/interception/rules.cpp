#include "weir/interception/rules.h"

#include <fmt/format.h>

namespace weir::interception {
namespace {

using Family = Address::Family;
using Table = Rule::Table;
using Chain = Rule::Chain;
using Verdict = Rule::Verdict;

constexpr std::array<Family, 2> families{Family::v4, Family::v6};

Network loopback(Family family) {
  return *Network::parse(family == Family::v4 ? "127.0.0.0/8" : "::1");
}

Network home(Family family) {
  return {policy::home_source(family), family == Family::v4 ? 32U : 128U};
}

class Builder {
 public:
  explicit Builder(const Plan& plan) : plan_(plan) {}

  std::vector<Rule> build() {
    if (plan_.inbound) inbound();
    if (plan_.inbound) calls_to_ourselves();
    if (plan_.outbound) outbound();
    if (plan_.tproxies()) keep_way_back();
    if (plan_.inbound) {
      last(Chain::to_inbound, plan_.inbound->port, "taken by the inbound listener");
    }
    if (plan_.outbound) last(Chain::to_outbound, *plan_.outbound, "taken by the outbound listener");
    return std::move(rules_);
  }

 private:
  Rule& add(Table table, Chain chain, std::string comment) {
    Rule& rule = rules_.emplace_back();
    rule.table = table;
    rule.chain = chain;
    rule.comment = std::move(comment);
    return rule;
  }

  void exclude(Table table, Chain chain, const std::vector<std::uint16_t>& ports) {
    for (const std::uint16_t port : ports) {
      add(table, chain, fmt::format("port {} is excluded", port)).destination_port = port;
    }
  }

  void inbound() {
    const Table table = plan_.tproxies() ? Table::mangle : Table::nat;
    exclude(table, Chain::inbound, plan_.excluded_inbound);
    if (plan_.tproxies()) return tproxy();
    add(table, Chain::inbound, "the rest is weir's").verdict = Verdict::to_inbound;
  }

  // Connections that began before the rules, or that began here, are neither new nor ours.
  void tproxy() {
    Rule& save = add(Table::mangle, Chain::inbound, "the way back to weir is remembered");
    save.marked = true;
    // Only of a connection that weir begins: one of the caller's own is never led astray.
    save.state = Rule::State::fresh;
    save.verdict = Verdict::save_mark;
    add(Table::mangle, Chain::inbound, "between weir and the application").marked = true;
    add(Table::mangle, Chain::inbound, "calls within the host").loopback = true;
    for (const auto& [state, comment] :
         {std::pair{Rule::State::ours, "goes on at weir's connection"},
          std::pair{Rule::State::fresh, "taken by the inbound listener"}}) {
      Rule& rule = add(Table::mangle, Chain::inbound, comment);
      rule.state = state;
      rule.verdict = Verdict::tproxy;
      rule.port = plan_.inbound->port;
    }
  }

  void keep_way_back() {
    Rule& rule = add(Table::mangle, Chain::output, "the application's answers go back to weir");
    rule.connection_marked = true;
    rule.verdict = Verdict::restore_mark;
  }

  // weir's connections to the application, and the service's calls to itself through weir.
  void calls_to_ourselves() {
    exclude_outbound();
    if (plan_.tproxies()) {
      add(Table::nat, Chain::output, "from weir to the application, as the caller").marked = true;
    }
    for (const Family family : families) {
      Rule& rule = add(Table::nat, Chain::output, "from weir to the application");
      rule.loopback = true;
      rule.from = home(family);
    }
    for (const Rule::Owner& owner : weirs()) {
      for (const Family family : families) {
        Rule& rule = add(Table::nat, Chain::output, "the service calls itself through weir");
        rule.loopback = true;
        rule.not_to = loopback(family);
        rule.owner = owner;
        rule.verdict = Verdict::to_inbound;
      }
    }
  }

  void outbound() {
    exclude_outbound();
    Rule& local = add(Table::nat, Chain::output, "calls within the host");
    local.loopback = true;
    local.owner = {Rule::Owner::Test::is_not, plan_.user, plan_.group};
    for (const Rule::Owner& owner : weirs()) {
      add(Table::nat, Chain::output, "weir's own connections").owner = owner;
    }
    for (const std::uint32_t user : plan_.excluded_users) {
      add(Table::nat, Chain::output, fmt::format("user {} is excluded", user)).owner = {
          Rule::Owner::Test::is, user, {}};
    }
    for (const std::uint32_t group : plan_.excluded_groups) {
      add(Table::nat, Chain::output, fmt::format("group {} is excluded", group)).owner = {
          Rule::Owner::Test::is, {}, group};
    }
    for (const Family family : families) {
      add(Table::nat, Chain::output, "to this host").to = loopback(family);
    }
    for (const Network& network : plan_.excluded_networks) {
      add(Table::nat, Chain::output, fmt::format("{} is excluded", network.text())).to = network;
    }
    add(Table::nat, Chain::output, "the rest is weir's").verdict = Verdict::to_outbound;
  }

  // Once, in front.
  void exclude_outbound() {
    if (!excluded_ && plan_.outbound) {
      exclude(Table::nat, Chain::output, plan_.excluded_outbound);
      excluded_ = true;
    }
  }

  void last(Chain chain, std::uint16_t port, std::string comment) {
    Rule& rule = add(Table::nat, chain, std::move(comment));
    rule.verdict = Verdict::redirect;
    rule.port = port;
  }

  std::vector<Rule::Owner> weirs() const {
    std::vector<Rule::Owner> owners{{Rule::Owner::Test::is, plan_.user, {}}};
    if (plan_.group) owners.push_back({Rule::Owner::Test::is, {}, plan_.group});
    return owners;
  }

  const Plan& plan_;
  std::vector<Rule> rules_;
  bool excluded_ = false;
};

}  // namespace

bool Rule::serves(Address::Family family) const {
  for (const auto* network : {&from, &to, &not_to}) {
    if (*network && (*network)->family() != family) return false;
  }
  return true;
}

std::vector<Rule> rules_for(const Plan& plan) { return Builder{plan}.build(); }

Routing routing_for(Address::Family family) {
  const std::string flag = family == Family::v4 ? "-4" : "-6";
  const std::string everything = family == Family::v4 ? "0.0.0.0/0" : "::/0";
  const std::string mark = std::to_string(policy::tproxy_mark);
  return {{flag, "rule", "show"},
          fmt::format("fwmark {:#x} lookup {}", policy::tproxy_mark, mark),
          {flag, "route", "replace", "local", everything, "dev", "lo", "table", mark},
          {flag, "rule", "add", "fwmark", mark, "lookup", mark},
          {{flag, "rule", "del", "fwmark", mark, "lookup", mark},
           {flag, "route", "flush", "table", mark}}};
}

}  // namespace weir::interception
