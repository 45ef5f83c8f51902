#include "sections.h"

namespace weir::config {
namespace {

constexpr auto required = Field::Need::required;

Shape port(std::uint16_t& target) { return scalar(target, Range{.least = 1}); }

}  // namespace

Fields describe(policy::Interception& intercept) {
  return {
      {"mode",
       "`redirect` for REDIRECT rules; `tproxy` keeps the caller's address (inbound only, needs "
       "CAP_NET_ADMIN); `off` when callers address the listener itself.",
       scalar(intercept.mode), required},
      {"unmatched",
       "What becomes of connections and requests whose destination no route and no upstream knows, "
       "and of connections to other ports than the application's. Inbound with `tls: strict`, "
       "`refuse` when left out.",
       scalar(intercept.unmatched)},
      {"opaque_ports",
       "Destination ports that are not looked at: those where the server speaks first, above all.",
       list<std::uint16_t>(intercept.opaque_ports, port)},
      {"detection", "Who has said nothing for so long is passed on unseen, too.",
       scalar(intercept.detection, {.most = 60, .zero = Range::Zero::refused})},
  };
}

Fields describe(policy::Tunnel& tunnel) {
  return {
      {"connect_budget", "Longest time to a connection, all endpoints that are tried together.",
       scalar(tunnel.connect_budget, positive)},
      {"idle", "Closed after so long without a byte in either direction.",
       scalar(tunnel.idle, positive)},
      {"maximum_age", "Closed after so long in any case.",
       scalar(tunnel.maximum_age, "unlimited", positive)},
  };
}

Fields describe(policy::TcpListener& listener) {
  return {
      {"listen", "Where connections arrive.", scalar_as(listen_only_codec(), &listener.listen),
       required},
      {"to", "The upstream.", scalar(listener.to), required},
  };
}

}  // namespace weir::config
