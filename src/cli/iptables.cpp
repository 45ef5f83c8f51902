#include "cli/iptables.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>

#include "weir/cli/commands.h"
#include "weir/config/load.h"
#include "weir/interception/rules.h"

namespace weir::cli {
namespace {

using interception::Network;
using interception::Plan;
using Action = IptablesOptions::Action;
using Mode = policy::Interception::Mode;

// As written, before the file is read.
struct Arguments {
  std::string config;
  std::optional<std::uint16_t> inbound;
  std::optional<std::uint16_t> outbound;
  bool tproxy = false;
  std::string user;
  std::string group;
  std::vector<std::uint16_t> excluded_inbound;
  std::vector<std::uint16_t> excluded_outbound;
  std::vector<std::string> networks;
  std::vector<std::string> users;
  std::vector<std::string> groups;
  bool with_dns = false;
  bool v4_only = false;
  bool nft = false;
};

struct Wrong {
  std::string text;
  int exit_code = exit_code::usage;
};

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // The highest one means "no such user" to the kernel.
  const bool good = error == std::errc{} && end == text.data() + text.size() && value != ~0U;
  return good ? std::optional{value} : std::nullopt;
}

// The only thread there is: the databases may be read.
std::expected<std::uint32_t, Wrong> user_id(const std::string& name) {
  if (const auto number = number_in(name)) return *number;
  if (const auto* entry = ::getpwnam(name.c_str())) return entry->pw_uid;  // NOLINT
  return std::unexpected(Wrong{fmt::format("there is no user \"{}\": write its number", name)});
}

std::expected<std::uint32_t, Wrong> group_id(const std::string& name) {
  if (const auto number = number_in(name)) return *number;
  if (const auto* entry = ::getgrnam(name.c_str())) return entry->gr_gid;  // NOLINT
  return std::unexpected(Wrong{fmt::format("there is no group \"{}\": write its number", name)});
}

std::expected<Plan, Wrong> plan_from_file(const std::string& file) {
  const auto loaded = config::load_file(file);
  if (!loaded) {
    std::string text;
    for (const auto& problem : loaded.error()) text += config::format(problem);
    const bool readable = ::access(file.c_str(), R_OK) == 0;
    return std::unexpected(Wrong{text, readable ? exit_code::data : exit_code::no_input});
  }
  auto plan = interception::plan_for(loaded->service);
  if (!plan) {
    return std::unexpected(Wrong{fmt::format("{}: {}", file, plan.error()), exit_code::data});
  }
  return *plan;
}

// Ports that are given go before those of the file.
std::expected<Plan, Wrong> plan_for_ports(const Arguments& given) {
  Plan plan;
  if (!given.config.empty()) {
    auto read = plan_from_file(given.config);
    if (!read) return read;
    plan = std::move(*read);
  } else if (!given.inbound && !given.outbound) {
    return std::unexpected(Wrong{"write -c FILE, or --inbound and --outbound with ports"});
  }
  const Mode mode = plan.inbound ? plan.inbound->mode : Mode::redirect;
  if (given.inbound) plan.inbound = {mode, *given.inbound};
  if (given.outbound) plan.outbound = given.outbound;
  if (plan.inbound && plan.outbound == plan.inbound->port) {
    return std::unexpected(Wrong{
        fmt::format("--inbound and --outbound are both {}, and each has a listener of its own",
                    plan.inbound->port)});
  }
  if (given.tproxy) {
    if (!plan.inbound) return std::unexpected(Wrong{"--tproxy needs an inbound port"});
    plan.inbound->mode = Mode::tproxy;
  }
  return plan;
}

std::optional<Wrong> add_identities(const Arguments& given, Plan& plan) {
  if (!given.user.empty()) {
    const auto user = user_id(given.user);
    if (!user) return user.error();
    plan.user = *user;
  }
  if (!given.group.empty()) {
    const auto group = group_id(given.group);
    if (!group) return group.error();
    plan.group = *group;
  }
  for (const std::string& name : given.users) {
    const auto user = user_id(name);
    if (!user) return user.error();
    plan.excluded_users.push_back(*user);
  }
  for (const std::string& name : given.groups) {
    const auto group = group_id(name);
    if (!group) return group.error();
    plan.excluded_groups.push_back(*group);
  }
  if (plan.user == 0) {
    return Wrong{
        "--user 0: connections of root would all pass as weir's own, run weir as a user of its "
        "own"};
  }
  if (plan.group == 0) {
    return Wrong{
        "--group 0: connections of the group root would all pass as weir's own, run weir in a "
        "group of its own"};
  }
  return std::nullopt;
}

std::optional<Wrong> add_exclusions(const Arguments& given, Plan& plan) {
  if (given.with_dns) plan.excluded_outbound.clear();
  const auto append = [](std::vector<std::uint16_t>& ports, const auto& more) {
    for (const std::uint16_t port : more) {
      if (std::ranges::find(ports, port) == ports.end()) ports.push_back(port);
    }
  };
  append(plan.excluded_inbound, given.excluded_inbound);
  append(plan.excluded_outbound, given.excluded_outbound);
  for (const std::string& text : given.networks) {
    const auto network = Network::parse(text);
    if (!network) {
      return Wrong{fmt::format("\"{}\" is not a network such as 10.0.0.0/8 or fd00::/8", text)};
    }
    plan.excluded_networks.push_back(*network);
  }
  if (given.v4_only) plan.families = Plan::Families::v4_only;
  return std::nullopt;
}

std::expected<Plan, Wrong> plan_from(const Arguments& given) {
  auto plan = plan_for_ports(given);
  if (!plan) return plan;
  if (auto wrong = add_identities(given, *plan)) return std::unexpected(std::move(*wrong));
  if (auto wrong = add_exclusions(given, *plan)) return std::unexpected(std::move(*wrong));
  return plan;
}

void print_routing(Address::Family family) {
  const auto routing = interception::routing_for(family);
  for (const auto& command : {routing.route, routing.rule}) {
    fmt::print("# ip {}\n", fmt::join(command, " "));
  }
}

void print_rules(const IptablesOptions& options) {
  const auto rules = interception::rules_for(options.plan);
  const bool both = options.plan.families == Plan::Families::both;
  if (options.backend == IptablesOptions::Backend::nft) {
    fmt::print("# nft -f -\n{}", interception::nft_script(rules, options.plan.families));
  } else {
    fmt::print("# iptables-restore -w --noflush\n{}",
               interception::iptables_script(rules, Address::Family::v4, {}));
    if (both) {
      fmt::print("# ip6tables-restore -w --noflush\n{}",
                 interception::iptables_script(rules, Address::Family::v6, {}));
    }
  }
  if (!options.plan.tproxies()) return;
  print_routing(Address::Family::v4);
  if (both) print_routing(Address::Family::v6);
}

// The parser with what it fills in.
struct Line {
  CLI::App app{"The kernel's rules that bring connections to this sidecar", "weir iptables"};
  Arguments given;
  CLI::App* print = nullptr;
  CLI::App* apply = nullptr;
  CLI::App* remove = nullptr;
};

void describe_plan(CLI::App& command, Arguments& given) {
  command.add_option("-c,--config", given.config, "Where listeners and modes are read from")
      ->type_name("FILE");
  command.add_option("--inbound", given.inbound, "Bring inbound connections to this port")
      ->check(CLI::Range(1, 65535))
      ->option_text("PORT");
  command.add_option("--outbound", given.outbound, "Bring outbound connections to this port")
      ->check(CLI::Range(1, 65535))
      ->option_text("PORT");
  command.add_flag("--tproxy", given.tproxy, "Inbound by TPROXY, which keeps the caller's address");
  command.add_option("--user", given.user, "Who weir runs as")->option_text("USER [2102]");
  command.add_option("--group", given.group, "A group whose connections are weir's own, too")
      ->option_text("GROUP");
  const auto list = [&](const std::string& name, auto& target, const std::string& meaning) {
    return command.add_option(name, target, meaning)->delimiter(',')->expected(1, -1);
  };
  list("--exclude-inbound-ports", given.excluded_inbound, "Left alone on the way in")
      ->check(CLI::Range(1, 65535))
      ->option_text("PORT,...");
  list("--exclude-outbound-ports", given.excluded_outbound, "Left alone on the way out, with 53")
      ->check(CLI::Range(1, 65535))
      ->option_text("PORT,...");
  list("--exclude-networks", given.networks, "Destinations that are left alone")
      ->option_text("CIDR,...");
  list("--exclude-users", given.users, "Whose connections are left alone")->option_text("USER,...");
  list("--exclude-groups", given.groups, "Whose connections are left alone")
      ->option_text("GROUP,...");
  command.add_flag("--with-dns", given.with_dns, "Do not exclude port 53");
  command.add_flag("--ipv4-only", given.v4_only, "Leave IPv6 alone");
}

void describe(Line& line) {
  line.app.require_subcommand(1);
  line.print = line.app.add_subcommand("print", "Print the rules; needs no privileges");
  line.apply = line.app.add_subcommand("apply", "Put them in place, or change those that are");
  line.remove = line.app.add_subcommand("remove", "Take them away");
  for (CLI::App* command : {line.print, line.apply}) describe_plan(*command, line.given);
  for (CLI::App* command : {line.print, line.apply, line.remove}) {
    command->add_flag("--nft", line.given.nft,
                      "nftables, in a table of its own, even where iptables is installed");
  }
}

int carry_out(const Line& line) {
  IptablesOptions options;
  if (line.given.nft) options.backend = IptablesOptions::Backend::nft;
  if (!line.remove->parsed()) {
    auto plan = plan_from(line.given);
    if (!plan) {
      const bool ends = plan.error().text.ends_with('\n');
      fmt::print(stderr, "{}{}{}", ends ? "" : "weir iptables: ", plan.error().text,
                 ends ? "" : "\n");
      return plan.error().exit_code;
    }
    options.plan = std::move(*plan);
  }
  if (line.print->parsed()) {
    print_rules(options);
    return exit_code::ok;
  }
  options.action = line.apply->parsed() ? Action::apply : Action::remove;
  const auto done = line.apply->parsed() ? apply_rules(options) : remove_rules(options);
  if (done) return exit_code::ok;
  fmt::print(stderr, "weir iptables: {}\n", done.error().text);
  return done.error().exit_code;
}

}  // namespace

int iptables(const std::vector<std::string>& arguments) {
  Line line;
  try {
    describe(line);
    std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};  // as CLI11 wants it
    line.app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? exit_code::ok : exit_code::usage;
  }
  return carry_out(line);
}

}  // namespace weir::cli
