// What becomes of an accepted connection: decisions over policy, destination and greeting. Pure.
//
//   listener                  connection                           way
//   ------------------------  -----------------------------------  --------------------------------
//   explicit, TLS off         any                                  serve, without a look at it
//   explicit, TLS strict      any                                  secure, then serve
//   explicit, permissive      TLS                                  secure, then serve
//                             anything else                        serve
//   intercepting              no destination, or one of ours       turn away: a loop
//   outbound, intercepting    to an opaque port                    tunnel, without a look at it
//                             HTTP/1, HTTP/2                       serve
//                             TLS, anything else                   tunnel
//   inbound, intercepting     not to the application's port        tunnel, without a look at it
//                             TLS strict                           secure, then serve
//                             TLS, permissive                      secure, then serve
//                             TLS, off                             tunnel: the application's own
//                             HTTP/1, HTTP/2, unclear, silent      serve
//                             opaque                               tunnel
//                             an opaque port                       tunnel in place of serve
//   any                       reset                                turn away
//
// Who ends his side without a word may still want to hear what the server says first. A caller of
// the application that says nothing for a while, or what the application alone might take for a
// request, is served as HTTP: that must not be a way around what is asked of requests, and around
// the headers that are taken from them. For the same reason the application gets no
// tunnels where authorization has rules, which are about requests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/address.h"
#include "weir/net/arrival.h"
#include "weir/policy/service.h"
#include "weir/telemetry/record.h"
#include "weir/upstream/approach.h"

namespace weir::proxy {

enum class Way : std::uint8_t {
  serve,      // HTTP begins here
  secure,     // a TLS handshake, then again
  recognise,  // wait for the greeting, then again
  tunnel,
  loop,          // turned away: it would come back to us
  unauthorized,  // turned away: a tunnel around the rules of authorization
  gone           // the caller has left meanwhile
};

// The listener's side of the decision.
struct Threshold {
  telemetry::Direction direction;
  const policy::Listener& listener;
  // Inbound only.
  const policy::Inbound* inbound = nullptr;

  static Threshold of(const policy::Service& service, telemetry::Direction direction);

  policy::ListenerTls::Mode tls() const;
  bool intercepts() const { return listener.intercept.mode != policy::Interception::Mode::off; }
  bool opaque(std::uint16_t port) const;
  // Whether `destination` is what calls to our own application go to.
  bool leads_to_application(const Address& destination) const;
};

// A connection as the kernel describes it.
struct Approach {
  Address peer;
  Address local;
  std::optional<Address> destination;  // see net::Arrival; of TPROXY, the local address
};

// Whether the destination is a listener of ours. One on a wildcard address is ours at the addresses
// that the connection itself shows to be this machine's.
bool leads_to_ourselves(const Approach& approach, std::span<const Address> own_listeners);

// The ends of a connection that takes this one on to the application under the caller's own
// address, where policy wants that and TPROXY has brought it, which leaves the destination as our
// own name for it. None otherwise: of what REDIRECT brought, the kernel would send the answers past
// us to the caller.
std::optional<upstream::Ends> callers_ends(const policy::Interception& intercept,
                                           const Approach& approach);

// Before anything was read. `own_listeners`: the addresses that we listen on.
Way way_in(const Threshold& threshold, const Approach& approach,
           std::span<const Address> own_listeners);
// After recognise.
Way way_after(const Threshold& threshold, const std::optional<Address>& destination,
              net::Greeting::Kind greeting);
// After secure.
Way way_secured(const Threshold& threshold, const std::optional<Address>& destination);
// How long a greeting is waited for: as short as policy says where silence may mean that the server
// has to speak first, else as long as a handshake may take.
Duration patience(const Threshold& threshold, const std::optional<Address>& destination);

std::string_view name_of(net::Greeting::Kind kind);

}  // namespace weir::proxy
