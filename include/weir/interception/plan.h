// Which connections the kernel is to bring to this sidecar, as plain values.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/address.h"
#include "weir/policy/service.h"

namespace weir::interception {

// A network in CIDR notation: 10.0.0.0/8, fd00::/8; an address alone is a network of one.
struct Network {
  Address base;  // port 0, no bits set behind the prefix
  unsigned prefix = 0;

  // Nothing when it is none. Bits behind the prefix are dropped, as iptables does.
  static std::optional<Network> parse(std::string_view text);
  Address::Family family() const { return base.family(); }
  std::string text() const;
  bool operator==(const Network&) const = default;
};

// The user that the image runs weir as; whose connections are not intercepted.
inline constexpr std::uint32_t default_user = 2102;

struct Plan {
  struct Inbound {
    policy::Interception::Mode mode = policy::Interception::Mode::redirect;  // never off
    std::uint16_t port = 0;
    bool operator==(const Inbound&) const = default;
  };
  std::optional<Inbound> inbound;
  std::optional<std::uint16_t> outbound;  // the port that outbound connections are brought to
  // By destination port, on the way in and on the way out.
  std::vector<std::uint16_t> excluded_inbound;
  std::vector<std::uint16_t> excluded_outbound{53};
  std::vector<Network> excluded_networks;  // outbound destinations
  std::vector<std::uint32_t> excluded_users;
  std::vector<std::uint32_t> excluded_groups;
  // Whose connections are weir's own.
  std::uint32_t user = default_user;
  std::optional<std::uint32_t> group;
  enum class Families : std::uint8_t { both, v4_only } families = Families::both;

  bool tproxies() const { return inbound && inbound->mode == policy::Interception::Mode::tproxy; }
};

// What the file says: ports and modes; the admin page's port is excluded, for probes and scrapes.
// Or why there is nothing to intercept.
std::expected<Plan, std::string> plan_for(const policy::Service& service);

}  // namespace weir::interception
