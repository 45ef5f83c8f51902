#include "weir/proxy/way_in.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {
namespace {

using Kind = net::Greeting::Kind;
using TlsMode = policy::ListenerTls::Mode;

bool unspecified(const Address& address) {
  return std::ranges::all_of(address.host_bytes(), [](auto byte) { return byte == 0; });
}

bool same_host(const Address& one, const Address& other) {
  return one.family() == other.family() && one.host_bytes() == other.host_bytes();
}

Address any_port_of(const Address& address) {
  const auto& host = address.host_bytes();
  if (address.family() == Address::Family::v6) return Address::v6(host, 0);
  return Address::v4({host[0], host[1], host[2], host[3]}, 0);
}

// Rules about requests cannot be asked of bytes.
bool guarded(const policy::Authorization& rules) {
  if (rules.dry_run) return false;
  return !rules.rules.empty() || rules.otherwise == policy::AuthorizationRule::Effect::deny;
}

Way tunnel_or_refuse(const Threshold& threshold, const std::optional<Address>& destination) {
  const bool application = threshold.inbound != nullptr &&
                           (!destination || threshold.leads_to_application(*destination));
  return application && guarded(threshold.inbound->authorization) ? Way::unauthorized : Way::tunnel;
}

Way serve_or_tunnel(const Threshold& threshold, const std::optional<Address>& destination) {
  const bool opaque =
      threshold.intercepts() && destination && threshold.opaque(destination->port());
  return opaque ? tunnel_or_refuse(threshold, destination) : Way::serve;
}

}  // namespace

Threshold Threshold::of(const policy::Service& service, telemetry::Direction direction) {
  if (direction == telemetry::Direction::inbound) {
    return {direction, *service.inbound, &*service.inbound};
  }
  return {direction, *service.outbound, nullptr};
}

TlsMode Threshold::tls() const { return inbound == nullptr ? TlsMode::off : inbound->tls.mode; }

bool Threshold::opaque(std::uint16_t port) const {
  return std::ranges::find(listener.intercept.opaque_ports, port) !=
         listener.intercept.opaque_ports.end();
}

bool Threshold::leads_to_application(const Address& destination) const {
  return inbound != nullptr && destination.port() == inbound->application.port();
}

bool leads_to_ourselves(const Approach& approach, std::span<const Address> own_listeners) {
  if (!approach.destination) return true;
  const Address& destination = *approach.destination;
  const bool here = destination.loopback() || same_host(destination, approach.local) ||
                    same_host(destination, approach.peer);
  return std::ranges::any_of(own_listeners, [&](const Address& own) {
    if (own.port() != destination.port()) return false;
    return same_host(own, destination) ||
           (here && unspecified(own) && own.family() == destination.family());
  });
}

std::optional<upstream::Ends> callers_ends(const policy::Interception& intercept,
                                           const Approach& approach) {
  const bool kept = approach.destination && *approach.destination == approach.local;
  if (intercept.mode != policy::Interception::Mode::tproxy || !kept) return std::nullopt;
  return upstream::Ends{approach.local, any_port_of(approach.peer)};
}

Way way_in(const Threshold& threshold, const Approach& approach,
           std::span<const Address> own_listeners) {
  if (!threshold.intercepts()) {
    switch (threshold.tls()) {
      case TlsMode::off: return Way::serve;
      case TlsMode::strict: return Way::secure;
      case TlsMode::permissive: return Way::recognise;
    }
  }
  if (leads_to_ourselves(approach, own_listeners)) return Way::loop;
  const std::uint16_t port = approach.destination->port();
  if (threshold.inbound == nullptr) return threshold.opaque(port) ? Way::tunnel : Way::recognise;
  if (!threshold.leads_to_application(*approach.destination)) return Way::tunnel;
  if (threshold.tls() == TlsMode::strict) return Way::secure;
  if (threshold.tls() == TlsMode::off && threshold.opaque(port)) {
    return tunnel_or_refuse(threshold, approach.destination);
  }
  return Way::recognise;
}

Way way_after(const Threshold& threshold, const std::optional<Address>& destination,
              Kind greeting) {
  const bool calls_out = threshold.intercepts() && threshold.inbound == nullptr;
  if (greeting == Kind::gone) return Way::gone;
  if (greeting == Kind::tls && threshold.tls() != TlsMode::off) return Way::secure;
  if (!threshold.intercepts()) return Way::serve;
  switch (greeting) {
    case Kind::http_1:
    case Kind::http_2: return serve_or_tunnel(threshold, destination);
    case Kind::unclear:
    case Kind::silent:
      if (!calls_out) return serve_or_tunnel(threshold, destination);
      break;
    case Kind::ended:
      if (!calls_out && serve_or_tunnel(threshold, destination) == Way::serve) return Way::gone;
      break;
    case Kind::tls:
    case Kind::opaque:
    case Kind::gone: break;
  }
  return tunnel_or_refuse(threshold, destination);
}

Way way_secured(const Threshold& threshold, const std::optional<Address>& destination) {
  return serve_or_tunnel(threshold, destination);
}

Duration patience(const Threshold& threshold, const std::optional<Address>& destination) {
  const bool may_tunnel =
      threshold.intercepts() && (threshold.inbound == nullptr || threshold.tls() == TlsMode::off ||
                                 (destination && threshold.opaque(destination->port())));
  return may_tunnel ? threshold.listener.intercept.detection
                    : threshold.inbound->tls.handshake_timeout;
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::tls: return "tls";
    case Kind::http_1: return "http_1";
    case Kind::http_2: return "http_2";
    case Kind::opaque: return "opaque";
    case Kind::unclear: return "unclear";
    case Kind::silent: return "silent";
    case Kind::ended: return "ended";
    case Kind::gone: return "gone";
  }
  std::unreachable();
}

}  // namespace weir::proxy
