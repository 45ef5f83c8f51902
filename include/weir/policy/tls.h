// Who we are, whom we believe, and what we ask of peers, as the operator wrote it.
//
// Sources: RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 7525 and RFC 9325 (what to offer), the
// SPIFFE X.509-SVID standard (identities are URI SANs, one per certificate).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.h"
#include "weir/http/method.h"
#include "weir/policy/match.h"

namespace weir::policy {

// PEM files. The leaf comes first in `chain`; key and leaf must belong together.
struct Certificate {
  std::string chain;
  std::string key;

  bool operator==(const Certificate&) const = default;
};

// TLS in general for this service: what listeners and upstreams take where they say nothing else.
struct Tls {
  std::optional<Certificate> certificate;
  std::string ca;            // PEM bundle that peers inside are verified against; empty: none
  std::string trust_domain;  // SPIFFE, "example.org": whose members' budgets and marks are believed
  enum class Version : std::uint8_t { tls_1_2, tls_1_3 };
  Version minimum = Version::tls_1_2;
};

// How a listener is secured.
struct ListenerTls {
  // `permissive` tells TLS from plain text by the first byte and takes both.
  enum class Mode : std::uint8_t { off, permissive, strict };
  // Whether callers have to show a certificate. `optional`: who shows one is verified.
  enum class Client : std::uint8_t { none, optional, required };

  Mode mode = Mode::off;
  Client client = Client::required;
  std::vector<Certificate> certificates;  // chosen by SNI, the first when none fits; never empty
  std::string ca;                         // of the callers; not empty unless client is `none`
  std::string trust_domain;
  Tls::Version minimum = Tls::Version::tls_1_2;
  Duration handshake_timeout = std::chrono::seconds{5};
};

// How the endpoints of an upstream are called.
struct UpstreamTls {
  std::optional<Certificate> certificate;  // what we show when asked
  std::string ca;                          // empty: the system's certificate authorities
  // SNI, and the name that the certificate must carry (RFC 6125) unless identities are given.
  std::string server_name;
  // SPIFFE ids, `spiffe://example.org/catalog` or with a `*` at the end; one of them must be the
  // peer's. Empty: the name decides.
  std::vector<Pattern> identities;
  Tls::Version minimum = Tls::Version::tls_1_2;
  // Of a connection that has been made within the upstream's connect_timeout.
  Duration handshake_timeout = std::chrono::seconds{1};
};

// Who may call what on the inbound listener. The first rule that fits decides.
struct AuthorizationRule {
  enum class Effect : std::uint8_t { allow, deny };
  Effect effect = Effect::allow;
  std::vector<Pattern> from;  // SPIFFE ids; empty: everybody, also callers without an identity
  std::vector<http::Method> methods;  // empty: all
  Pattern path;
};

struct Authorization {
  AuthorizationRule::Effect otherwise = AuthorizationRule::Effect::allow;  // YAML `default`
  bool dry_run = false;  // decided, counted and logged; never enforced
  std::vector<AuthorizationRule> rules;
};

}  // namespace weir::policy
