// The rules that carry a plan out, for iptables and for nftables. Pure text; nothing is run here.
//
// Only new TCP connections are looked at. The order is what sidecars have converged to: what is
// excluded goes first; weir's connections to the application pass; what weir sends to an address of
// this very host is a call of the service to itself and goes to its inbound side; everything else
// of weir's, of the loopback interface and of excluded destinations passes; the rest is weir's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/interception/plan.h"

namespace weir::interception {

struct Rule {
  enum class Table : std::uint8_t { nat, mangle };
  enum class Chain : std::uint8_t { inbound, output, to_inbound, to_outbound };
  enum class Verdict : std::uint8_t {
    pass,        // is left alone
    to_inbound,  // goes on in the chain of that name
    to_outbound,
    redirect,     // to `port`
    tproxy,       // to `port`, with the mark
    save_mark,    // of the packet into the connection
    restore_mark  // of the connection into the packet
  };
  struct Owner {
    enum class Test : std::uint8_t { is, is_not } test = Test::is;
    std::optional<std::uint32_t> user;
    std::optional<std::uint32_t> group;
  };
  enum class State : std::uint8_t { any, fresh, ours };  // ours: a transparent socket has it

  Table table = Table::nat;
  Chain chain = Chain::output;
  // What must hold. A network makes the rule one of its family; without, it is one of both.
  std::optional<std::uint16_t> destination_port;
  bool loopback = false;  // the interface
  std::optional<Network> from;
  std::optional<Network> to;
  std::optional<Network> not_to;
  std::optional<Owner> owner;
  bool marked = false;             // the packet
  bool connection_marked = false;  // the connection
  State state = State::any;
  Verdict verdict = Verdict::pass;
  std::uint16_t port = 0;
  std::string comment;  // why, in a few words

  bool serves(Address::Family family) const;
};

// In the order in which they are to stand, chain by chain.
std::vector<Rule> rules_for(const Plan& plan);

// Input of `iptables-restore --noflush` (or ip6tables-restore) that replaces what `saved`, the
// output of iptables-save, holds of ours by `rules`: one transaction per table. Chains of others
// are untouched. Empty when there is nothing to change; no rules: takes ours away.
std::string iptables_script(const std::vector<Rule>& rules, Address::Family family,
                            std::string_view saved);

// Input of `nft -f -`: one transaction that replaces our table, `inet weir`.
std::string nft_script(const std::vector<Rule>& rules, Plan::Families families);
// ... and that takes it away.
std::string nft_removal();

// What tproxy needs of routing: packets with the mark are delivered here, whatever their address.
// Arguments of `ip`. `route` may be repeated, `rule` must not where `present` is in the output of
// `show`.
struct Routing {
  std::vector<std::string> show;
  std::string present;
  std::vector<std::string> route;
  std::vector<std::string> rule;
  std::vector<std::vector<std::string>> remove;
};
Routing routing_for(Address::Family family);

}  // namespace weir::interception
