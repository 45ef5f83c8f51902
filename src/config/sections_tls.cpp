#include "sections.h"

namespace weir::config {
namespace {

using policy::AuthorizationRule;

constexpr auto required = Field::Need::required;
constexpr auto optional = Field::Need::optional;

Shape identity(policy::Pattern& target) { return scalar_as(identity_codec(), &target); }

// The key says the effect, its value the callers.
Shape callers(AuthorizationRule& rule, AuthorizationRule::Effect effect) {
  const auto shape_of = [](policy::Pattern& caller) { return scalar_as(caller_codec(), &caller); };
  return {List{[&rule, effect] {
                 rule.effect = effect;
                 rule.from.clear();
               },
               [&rule, shape_of] { return shape_of(rule.from.emplace_back()); },
               [&rule, effect] { return rule.effect == effect ? rule.from.size() : 0; },
               [&rule, shape_of](std::size_t index) { return shape_of(rule.from[index]); },
               List::Short::one}};
}

Field certificate_field(std::optional<policy::Certificate>& target, std::string_view meaning) {
  return {"certificate", meaning, scalar_as(chain_codec(), &target)};
}

Field key_field(std::optional<policy::Certificate>& target) {
  return {"key", "PEM file of its private key.", scalar_as(key_codec(), &target)};
}

}  // namespace

Fields describe(policy::Tls& tls) {
  return {
      {"directory",
       "A directory that holds certificate, key and bundle under the names of Kubernetes "
       "(tls.crt, tls.key, ca.crt) or of SPIFFE (svid.pem, svid_key.pem, bundle.pem); in place of "
       "the next two.",
       scalar_as(tls_directory_codec(), &tls), optional, Field::Print::hidden},
      certificate_field(tls.certificate, "PEM file of the service's certificate, the leaf first."),
      key_field(tls.certificate),
      {"ca", "PEM file of the authorities that peers inside are verified against.",
       scalar_as(file_codec(), &tls.ca)},
      {"trust_domain",
       "SPIFFE trust domain, such as `example.org`, whose members' budgets and marks are believed.",
       scalar_as(trust_domain_codec(), &tls.trust_domain)},
      {"minimum", "Lowest version of TLS.", scalar(tls.minimum)},
  };
}

Fields describe(policy::Certificate& certificate) {
  return {
      {"certificate", "PEM file, the leaf first.", scalar_as(file_codec(), &certificate.chain),
       required},
      {"key", "PEM file of its private key.", scalar_as(file_codec(), &certificate.key), required},
  };
}

Fields describe(policy::ListenerTls& tls) {
  return {
      {"mode",
       "`strict` takes TLS only; `permissive` takes plain text as well, told apart by the first "
       "byte; `off` terminates no TLS.",
       scalar(tls.mode), required},
      {"client",
       "Whether callers have to show a certificate; who shows one is verified, unless `none`.",
       scalar(tls.client)},
      {"certificates",
       "Chosen by the name that the caller asks for, the first when none fits; the service's "
       "when left out.",
       sections(tls.certificates), optional, unless_empty(tls.certificates)},
      {"ca", "PEM file of the authorities that callers are verified against; `tls.ca`.",
       scalar_as(file_codec(), &tls.ca)},
      {"trust_domain", "Whose members are believed; `tls.trust_domain`.",
       scalar_as(trust_domain_codec(), &tls.trust_domain)},
      {"minimum", "Lowest version of TLS; `tls.minimum` when left out.", scalar(tls.minimum)},
      {"handshake_timeout", "Longest time that a handshake may take.",
       scalar(tls.handshake_timeout, positive)},
  };
}

Fields describe(policy::UpstreamTls& tls) {
  return {
      {"identities",
       "SPIFFE ids, one of which an endpoint must have. Left out, its certificate must carry "
       "`server_name` where that is written, or else any id of the trust domain.",
       or_one(list<policy::Pattern>(tls.identities, identity)), optional,
       unless_empty(tls.identities)},
      {"server_name",
       "The name that is asked for (SNI), and that the certificate must carry unless `identities` "
       "decide; the upstream's name when left out.",
       scalar_as(server_name_codec(), &tls.server_name)},
      {"ca",
       "PEM file of the authorities that endpoints are verified against; `tls.ca` when left out "
       "and there is one, `system` for those of the machine.",
       scalar_as(bundle_codec(), &tls.ca)},
      certificate_field(tls.certificate,
                        "PEM file that is shown when asked for; the service's when left out, if "
                        "its bundle verifies the endpoints, too."),
      key_field(tls.certificate),
      {"minimum", "Lowest version of TLS; `tls.minimum` when left out.", scalar(tls.minimum)},
      {"handshake_timeout", "Longest time that a handshake may take, once connected.",
       scalar(tls.handshake_timeout, positive)},
  };
}

Fields describe(policy::Authorization& authorization) {
  return {
      {"default", "What becomes of calls that no rule fits.", scalar(authorization.otherwise)},
      {"dry_run", "Decides, counts and logs, and refuses nothing.", scalar(authorization.dry_run)},
      {"rules", "The first that fits decides.", sections(authorization.rules), optional,
       unless_empty(authorization.rules)},
  };
}

Fields describe(AuthorizationRule& rule) {
  using enum AuthorizationRule::Effect;
  using enum Field::Print;
  const bool allows = rule.effect == allow;
  return {
      {"allow",
       "Who may: SPIFFE ids, `spiffe://example.org/web/*` for all below, or `*` for everybody, "
       "also those without an identity.",
       callers(rule, allow), Field::Need::one_of, allows ? shown : hidden},
      {"deny", "Who may not.", callers(rule, deny), Field::Need::one_of, allows ? hidden : shown},
      {"method", "One method or a list; all of them when left out.", or_one(scalars(rule.methods)),
       optional, unless_empty(rule.methods)},
      {"path", "Path without its query: `/v1/items`, `/v1/*` or `*`.",
       scalar_as(path_pattern_codec(), &rule.path)},
  };
}

}  // namespace weir::config
