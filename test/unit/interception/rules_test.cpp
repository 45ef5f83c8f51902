// Which rules follow from a plan, and how they replace those that stand.
#include "weir/interception/rules.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::interception {
namespace {

using Family = Address::Family;
using Mode = policy::Interception::Mode;

Plan both_ways(Mode mode = Mode::redirect) {
  Plan plan;
  plan.inbound = {mode, 15006};
  plan.outbound = 15001;
  return plan;
}

std::string script(const Plan& plan, Family family = Family::v4, std::string_view saved = {}) {
  return iptables_script(rules_for(plan), family, saved);
}

// Rules without their comments, in the order in which they stand.
std::string bare(std::string text) {
  for (auto start = text.find(" -m comment"); start != std::string::npos;
       start = text.find(" -m comment")) {
    const auto end = text.find("\" -j", start);
    text.erase(start, end + 1 - start);
  }
  return text;
}

TEST(Rules, stand_in_the_order_that_keeps_loops_away) {
  Plan plan = both_ways();
  plan.excluded_inbound = {9901};
  plan.excluded_outbound = {53, 3306};
  plan.excluded_networks = {*Network::parse("10.1.0.0/16"), *Network::parse("fd00::/8")};
  plan.excluded_users = {7};
  plan.excluded_groups = {8};
  plan.group = 2103;
  EXPECT_EQ(bare(script(plan)),
            "*nat\n"
            ":WEIR_INBOUND - [0:0]\n"
            ":WEIR_OUTPUT - [0:0]\n"
            ":WEIR_TO_INBOUND - [0:0]\n"
            ":WEIR_TO_OUTBOUND - [0:0]\n"
            "-A WEIR_INBOUND -p tcp --dport 9901 -j RETURN\n"
            "-A WEIR_INBOUND -p tcp -j WEIR_TO_INBOUND\n"
            "-A WEIR_OUTPUT -p tcp --dport 53 -j RETURN\n"
            "-A WEIR_OUTPUT -p tcp --dport 3306 -j RETURN\n"
            "-A WEIR_OUTPUT -s 127.0.0.6/32 -o lo -p tcp -j RETURN\n"
            "-A WEIR_OUTPUT ! -d 127.0.0.0/8 -o lo -p tcp -m owner --uid-owner 2102 "
            "-j WEIR_TO_INBOUND\n"
            "-A WEIR_OUTPUT ! -d 127.0.0.0/8 -o lo -p tcp -m owner --gid-owner 2103 "
            "-j WEIR_TO_INBOUND\n"
            "-A WEIR_OUTPUT -o lo -p tcp -m owner ! --uid-owner 2102 ! --gid-owner 2103 "
            "-j RETURN\n"
            "-A WEIR_OUTPUT -p tcp -m owner --uid-owner 2102 -j RETURN\n"
            "-A WEIR_OUTPUT -p tcp -m owner --gid-owner 2103 -j RETURN\n"
            "-A WEIR_OUTPUT -p tcp -m owner --uid-owner 7 -j RETURN\n"
            "-A WEIR_OUTPUT -p tcp -m owner --gid-owner 8 -j RETURN\n"
            "-A WEIR_OUTPUT -d 127.0.0.0/8 -p tcp -j RETURN\n"
            "-A WEIR_OUTPUT -d 10.1.0.0/16 -p tcp -j RETURN\n"
            "-A WEIR_OUTPUT -p tcp -j WEIR_TO_OUTBOUND\n"
            "-A WEIR_TO_INBOUND -p tcp -j REDIRECT --to-ports 15006\n"
            "-A WEIR_TO_OUTBOUND -p tcp -j REDIRECT --to-ports 15001\n"
            "-A PREROUTING -p tcp -j WEIR_INBOUND\n"
            "-A OUTPUT -p tcp -j WEIR_OUTPUT\n"
            "COMMIT\n");
}

TEST(Rules, are_the_same_for_both_families_but_for_the_addresses) {
  const std::string v6 = script(both_ways(), Family::v6);
  EXPECT_NE(v6.find("-s ::1/128 -o lo"), std::string::npos);
  EXPECT_NE(v6.find("! -d ::1/128 -o lo"), std::string::npos);
  EXPECT_EQ(v6.find("127."), std::string::npos);
  const std::string v4 = script(both_ways());
  EXPECT_EQ(std::ranges::count(v6, '\n'), std::ranges::count(v4, '\n'));
}

TEST(Rules, each_have_a_comment) {
  for (const Mode mode : {Mode::redirect, Mode::tproxy}) {
    const std::string text = script(both_ways(mode));
    std::size_t rules = 0;
    std::size_t comments = 0;
    for (auto at = text.find("-A "); at != std::string::npos; at = text.find("-A ", at + 1)) {
      ++rules;
    }
    for (auto at = text.find("weir: "); at != std::string::npos; at = text.find("weir: ", at + 1)) {
      ++comments;
    }
    EXPECT_EQ(rules, comments);
  }
}

TEST(Rules, leave_one_direction_alone_when_it_is_not_intercepted) {
  Plan inbound_only = both_ways();
  inbound_only.outbound.reset();
  const std::string inbound = script(inbound_only);
  EXPECT_EQ(inbound.find("TO_OUTBOUND"), std::string::npos);
  EXPECT_NE(inbound.find("--uid-owner 2102"), std::string::npos) << "calls to itself";
  Plan outbound_only = both_ways();
  outbound_only.inbound.reset();
  const std::string outbound = script(outbound_only);
  EXPECT_EQ(outbound.find("INBOUND"), std::string::npos);
  EXPECT_EQ(outbound.find("PREROUTING"), std::string::npos);
}

TEST(Rules, of_tproxy_keep_the_callers_address_and_lead_the_answers_back) {
  const std::string text = bare(script(both_ways(Mode::tproxy)));
  const auto mangle = text.find("*mangle");
  ASSERT_NE(mangle, std::string::npos);
  EXPECT_NE(text.find("-A WEIR_OUTPUT -p tcp -m mark --mark 2102 -j RETURN\n"), std::string::npos);
  EXPECT_EQ(text.substr(mangle),
            "*mangle\n"
            ":WEIR_INBOUND - [0:0]\n"
            ":WEIR_OUTPUT - [0:0]\n"
            "-A WEIR_INBOUND -p tcp -m mark --mark 2102 -m conntrack --ctstate NEW "
            "-j CONNMARK --save-mark\n"
            "-A WEIR_INBOUND -p tcp -m mark --mark 2102 -j RETURN\n"
            "-A WEIR_INBOUND -i lo -p tcp -j RETURN\n"
            "-A WEIR_INBOUND -p tcp -m socket --transparent -j TPROXY --on-port 15006 "
            "--tproxy-mark 2102\n"
            "-A WEIR_INBOUND -p tcp -m conntrack --ctstate NEW -j TPROXY --on-port 15006 "
            "--tproxy-mark 2102\n"
            "-A WEIR_OUTPUT -p tcp -m connmark --mark 2102 -j CONNMARK --restore-mark\n"
            "-A PREROUTING -p tcp -j WEIR_INBOUND\n"
            "-A OUTPUT -p tcp -j WEIR_OUTPUT\n"
            "COMMIT\n");
}

// What iptables-save shows after another plan, beside rules of somebody else.
constexpr std::string_view saved =
    "# Generated by iptables-save\n"
    "*nat\n"
    ":PREROUTING ACCEPT [0:0]\n"
    ":OUTPUT ACCEPT [0:0]\n"
    ":DOCKER_OUTPUT - [0:0]\n"
    ":WEIR_OUTPUT - [0:0]\n"
    ":WEIR_OLD - [0:0]\n"
    "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT\n"
    "-A OUTPUT -p tcp -m comment --comment \"weir: connections from this host\" -j WEIR_OUTPUT\n"
    "-A WEIR_OUTPUT -p tcp -j WEIR_OLD\n"
    "COMMIT\n"
    "*filter\n"
    ":WEIR_ELSEWHERE - [0:0]\n"
    "COMMIT\n";

TEST(Script, replaces_what_stands_in_one_transaction) {
  Plan plan = both_ways();
  plan.inbound.reset();
  const std::string text = script(plan, Family::v4, saved);
  EXPECT_TRUE(text.starts_with(
      "*nat\n:WEIR_OUTPUT - [0:0]\n:WEIR_TO_OUTBOUND - [0:0]\n:WEIR_OLD - [0:0]\n"
      "-D OUTPUT -p tcp -m comment --comment \"weir: connections from this host\" -j WEIR_OUTPUT\n"
      "-A WEIR_OUTPUT "))
      << text;
  EXPECT_TRUE(text.ends_with("-j WEIR_OUTPUT\n-X WEIR_OLD\nCOMMIT\n")) << text;
  EXPECT_EQ(text.find("DOCKER"), std::string::npos);
}

TEST(Script, takes_everything_of_ours_away_and_nothing_else) {
  EXPECT_EQ(iptables_script({}, Family::v4, saved),
            "*nat\n:WEIR_OUTPUT - [0:0]\n:WEIR_OLD - [0:0]\n"
            "-D OUTPUT -p tcp -m comment --comment \"weir: connections from this host\" "
            "-j WEIR_OUTPUT\n"
            "-X WEIR_OUTPUT\n-X WEIR_OLD\nCOMMIT\n");
}

TEST(Script, is_empty_when_there_is_nothing_to_change) {
  EXPECT_EQ(iptables_script({}, Family::v4, "*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"), "");
}

TEST(NftScript, holds_both_families_in_a_table_of_its_own) {
  Plan plan = both_ways();
  plan.excluded_networks = {*Network::parse("10.0.0.0/8"), *Network::parse("fd00::1")};
  const std::string text = nft_script(rules_for(plan), Plan::Families::both);
  EXPECT_TRUE(text.starts_with("add table inet weir\ndelete table inet weir\ntable inet weir {\n"));
  for (const std::string_view line : {
           "type nat hook prerouting priority dstnat; policy accept;\n",
           "type nat hook output priority -100; policy accept;\n",
           "tcp dport 53 return comment \"weir: port 53 is excluded\"\n",
           "oifname \"lo\" ip saddr 127.0.0.6 return",
           "oifname \"lo\" ip6 saddr ::1 return",
           "oifname \"lo\" ip daddr != 127.0.0.0/8 meta skuid 2102 goto to_inbound",
           "meta skuid != 2102 return",
           "ip daddr 10.0.0.0/8 return",
           "ip6 daddr fd00::1 return",
           "redirect to :15001",
           "redirect to :15006",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(NftScript, leaves_the_other_family_alone_where_asked) {
  const std::string text = nft_script(rules_for(both_ways()), Plan::Families::v4_only);
  EXPECT_NE(text.find("policy accept;\n    meta nfproto ipv6 return"), std::string::npos);
  EXPECT_EQ(text.find("ip6"), std::string::npos);
}

TEST(Networks, are_read_as_written_and_printed_without_what_the_prefix_hides) {
  const struct {
    std::string_view written;
    std::string_view printed;  // empty: refused
  } cases[] = {
      {"10.1.2.3/8", "10.0.0.0/8"},
      {"10.1.2.3", "10.1.2.3/32"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"fd12::5/9", "fd00::/9"},
      {"::1", "::1/128"},
      {"10.0.0.0/33", ""},
      {"10.0.0.0/", ""},
      {"10.0.0/8", ""},
      {"catalog", ""},
      {"localhost", ""},
      {"", ""},
      {"10.0.0.0/8 -j ACCEPT", ""},
  };
  for (const auto& [written, printed] : cases) {
    const auto network = Network::parse(written);
    EXPECT_EQ(network ? network->text() : "", printed) << written;
  }
}

TEST(PlanOfAFile, has_its_ports_and_modes_and_spares_the_admin_page) {
  policy::Service service;
  EXPECT_FALSE(plan_for(service));
  service.inbound.emplace().listen = *Address::parse("0.0.0.0:16");
  service.outbound.emplace().listen = *Address::parse("127.0.0.1:17");
  EXPECT_FALSE(plan_for(service)) << "nothing is intercepted unless the file says so";
  service.inbound->intercept.mode = Mode::tproxy;
  service.outbound->intercept.mode = Mode::redirect;
  const auto plan = plan_for(service);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->inbound, (Plan::Inbound{Mode::tproxy, 16}));
  EXPECT_EQ(plan->outbound, 17);
  EXPECT_EQ(plan->excluded_inbound, (std::vector<std::uint16_t>{9901}));
  EXPECT_EQ(plan->excluded_outbound, (std::vector<std::uint16_t>{53}));
  EXPECT_EQ(plan->user, default_user);
}

}  // namespace
}  // namespace weir::interception
