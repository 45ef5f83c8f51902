// Every mistake about TLS, identities and interception, where it is reported and its cure.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weir/config/load.h"

namespace weir::config {
namespace {

std::string text_of(const Problem& problem) {
  return fmt::format("{}:{}: {}", problem.line, problem.column, problem.message);
}

struct Mistake {
  std::string_view snippet;     // stands on line 2
  std::string_view reported;    // "line:column: message"
  std::string_view suggestion;  // empty: none
};

void PrintTo(const Mistake& mistake, std::ostream* stream) { *stream << mistake.snippet; }

class TlsMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(TlsMistakes, are_reported_once_where_they_stand_and_with_a_cure) {
  const auto loaded =
      load_text("service: { name: a }\n" + std::string{GetParam().snippet}, "test.yaml");
  ASSERT_FALSE(loaded) << "accepted";
  ASSERT_EQ(loaded.error().size(), 1U) << text_of(loaded.error().back());
  EXPECT_EQ(text_of(loaded.error()[0]), GetParam().reported);
  EXPECT_EQ(loaded.error()[0].suggestion, GetParam().suggestion);
}

#define OWN "tls: { certificate: a.crt, key: a.key, ca: ca.crt, trust_domain: e.org }\n"
#define IN "inbound: { listen: 0.0.0.0:1001, application: 127.0.0.1:2, "
#define OUT "outbound: { listen: 127.0.0.1:1002 }\n"
#define UPSTREAM(tls) "upstreams: { b: { endpoints: [{ address: 10.0.0.4:80 }], tls: " tls " } }\n"
#define RULES(rules) IN "tls: strict, authorization: { default: deny, rules: [" rules "] } }\n"

constexpr Mistake certificates[] = {
    {IN "tls: on }\n", "2:65: inbound.tls: \"on\" is not one of off, permissive, strict", "strict"},
    {IN "tls: { client: none } }\n", "2:65: the key \"mode\" is missing in inbound.tls", ""},
    {IN "tls: { mode: strict, client: none } }\n",
     "2:60: inbound.tls has no certificate to show: write tls.certificate and tls.key, or "
     "inbound.tls.certificates",
     ""},
    {"tls: { certificate: a.crt, key: a.key }\n" IN "tls: strict }\n",
     "3:65: inbound.tls verifies callers and has no bundle to do so: write tls.ca or "
     "inbound.tls.ca, or inbound.tls.client: none",
     ""},
    {OWN IN "tls: { mode: strict, client: none, ca: x.crt } }\n",
     "3:99: inbound.tls.ca verifies callers, and inbound.tls.client is none", ""},
    {"tls: { certificate: a.crt }\n" OUT UPSTREAM("off"),
     "2:21: tls.certificate is of no use without tls.key", ""},
    {"tls: { directory: /x, key: a.key }\n" OUT UPSTREAM("off"),
     "2:28: tls.key stands in tls.directory already: write one of them", ""},
    {"tls: { certificate: a.crt, key: '-----BEGIN KEY' }\n" OUT UPSTREAM("off"),
     "2:33: tls.key: a file is named here; what it holds does not belong into the policy", ""},
    {"tls: { minimum: 1.1 }\n" OUT UPSTREAM("off"),
     "2:17: tls.minimum: \"1.1\" is not one of 1.2, 1.3", "1.2"},
    {"tls: { trust_domain: e.org }\n" OUT UPSTREAM("off"),
     "2:22: tls.trust_domain has no bundle that vouches for its members: write tls.ca", ""},
    {"tls: { ca: x, trust_domain: 'spiffe://E.org' }\n" OUT UPSTREAM("off"),
     "2:29: tls.trust_domain: \"spiffe://E.org\" is not a trust domain such as example.org",
     "e.org"},
    {OUT UPSTREAM("{ key: a.key }"),
     "3:70: upstreams.b.tls.key is of no use without "
     "upstreams.b.tls.certificate",
     ""},
    {OUT UPSTREAM("{ server_name: 'https://b.example/x' }"),
     "3:78: upstreams.b.tls.server_name: \"https://b.example/x\" is not a host name such as "
     "catalog.example.org",
     "b.example"},
    {OUT UPSTREAM("{ server_name: 10.0.0.4 }"),
     "3:78: upstreams.b.tls.server_name: \"10.0.0.4\" is an IP address: a certificate is asked for "
     "by a name",
     ""},
};
INSTANTIATE_TEST_SUITE_P(InCertificates, TlsMistakes, testing::ValuesIn(certificates));

#define ID "3:77: upstreams.b.tls.identities: "
constexpr Mistake identities[] = {
    {OWN OUT UPSTREAM("{ identities: e.org/b }"),
     "4:77: upstreams.b.tls.identities: \"e.org/b\" is not a SPIFFE id such as "
     "spiffe://example.org/catalog",
     "spiffe://e.org/b"},
    {OWN OUT UPSTREAM("{ identities: '*' }"),
     "4:77: upstreams.b.tls.identities: \"*\" is everybody: name SPIFFE ids, such as "
     "spiffe://example.org/*",
     ""},
    {OWN OUT UPSTREAM("{ identities: 'spiffe://e.org' }"),
     "4:77: upstreams.b.tls.identities: \"spiffe://e.org\" is a whole trust domain",
     "spiffe://e.org/*"},
    {OWN OUT UPSTREAM("{ identities: 'spiffe://E.org:8080/b' }"),
     "4:77: upstreams.b.tls.identities: \"spiffe://E.org:8080/b\": \"E.org:8080\" is not a trust "
     "domain such as example.org",
     "spiffe://e.org/b"},
    {OWN OUT UPSTREAM("{ identities: 'spiffe://e.org/b?c' }"),
     "4:77: upstreams.b.tls.identities: \"spiffe://e.org/b?c\": a SPIFFE id has neither query nor "
     "fragment",
     "spiffe://e.org/b"},
    {OWN OUT UPSTREAM("{ identities: 'spiffe://e.org/b*' }"),
     "4:77: upstreams.b.tls.identities: \"spiffe://e.org/b*\": the star stands at the end, behind "
     "a "
     "slash",
     "spiffe://e.org/b/*"},
    {OWN OUT UPSTREAM("{ identities: 'spiffe://e.org/b/' }"),
     "4:77: upstreams.b.tls.identities: \"spiffe://e.org/b/\": the path of a SPIFFE id is made of "
     "segments of letters, digits, dots, dashes and underscores",
     "spiffe://e.org/b"},
    {OWN OUT UPSTREAM("{ identities: 'spiffe://e.org/../b' }"),
     "4:77: upstreams.b.tls.identities: \"spiffe://e.org/../b\": the path of a SPIFFE id is made "
     "of "
     "segments of letters, digits, dots, dashes and underscores",
     ""},
    {OWN OUT UPSTREAM("{ identities: [] }"),
     "4:65: upstreams.b.tls.identities is empty: no endpoint would pass", ""},
    {OUT UPSTREAM("{ identities: spiffe://e.org/b }"),
     ID "spiffe://e.org/b has no bundle that vouches for it: write tls.ca", ""},
    {OUT UPSTREAM("{ identities: spiffe://e.org/b, ca: system }"),
     ID "spiffe://e.org/b is vouched for by a bundle of its own, never by the system's authorities",
     ""},
    {OWN OUT UPSTREAM("{ identities: spiffe://f.org/b }"),
     "4:77: upstreams.b.tls.identities: spiffe://f.org/b is outside the trust domain e.org, whose "
     "bundle would have to vouch for it: write upstreams.b.tls.ca",
     ""},
};
INSTANTIATE_TEST_SUITE_P(InIdentities, TlsMistakes, testing::ValuesIn(identities));

constexpr Mistake rules[] = {
    {OWN IN "authorization: { default: deny, rules: [{ allow: spiffe://e.org/b }] } }\n",
     "3:109: inbound.authorization.rules[0].allow: no caller has an identity: write inbound.tls: "
     "strict, with certificates of the callers",
     ""},
    {OWN OUT UPSTREAM("off") "routes: [{ match: { caller: spiffe://e.org/b }, to: b }]\n",
     "5:29: routes[0].match.caller: no caller has an identity: write inbound.tls: strict, with "
     "certificates of the callers",
     ""},
    {OWN RULES("{ allow: spiffe://f.org/b }"),
     "3:122: inbound.authorization.rules[0].allow: spiffe://f.org/b is outside the trust domain "
     "e.org, whose bundle would have to vouch for it: write inbound.tls.ca",
     ""},
    {OWN RULES("{ path: /a }"),
     "3:113: inbound.authorization.rules[0]: write one of allow and deny", ""},
    {OWN RULES("{ allow: '*', deny: '*' }"),
     "3:127: inbound.authorization.rules[0]: write only one of allow and deny", ""},
    {OWN RULES("{ allow: [] }"),
     "3:115: inbound.authorization.rules[0].allow: the list is empty: it names nobody", ""},
    {OWN RULES("{ allow: ['*', spiffe://e.org/b] }"),
     "3:115: inbound.authorization.rules[0].allow: \"*\" is everybody: the others in the list say "
     "nothing",
     ""},
    {OWN RULES("{ allow: '*' }, { deny: spiffe://e.org/b }"),
     "3:137: inbound.authorization.rules[1].deny: the rule before it fits every call, so it never "
     "decides",
     ""},
    {OWN IN "tls: strict, authorization: { rules: [{ allow: spiffe://e.org/b }] } }\n",
     "3:73: inbound.authorization: every rule allows, and so does the default: write default: deny",
     ""},
    {OWN IN "tls: strict, authorization: { default: deny } }\n",
     "3:73: inbound.authorization refuses every call: write rules", ""},
    {OWN IN "tls: strict, identity_header: Host }\n",
     "3:90: inbound.identity_header: the header \"Host\" has another meaning", ""},
};
INSTANTIATE_TEST_SUITE_P(InRules, TlsMistakes, testing::ValuesIn(rules));

#define ENDPOINTS "upstreams: { b: { endpoints: [{ address: 10.0.0.4:80 }] } }\n"
constexpr Mistake interception[] = {
    {"outbound: { listen: 127.0.0.1:1002, intercept: tproxy }\n" ENDPOINTS,
     "2:48: outbound.intercept: tproxy serves inbound calls only", "redirect"},
    {"outbound: { listen: 127.0.0.1:1002, intercept: { mode: tproxy } }\n" ENDPOINTS,
     "2:56: outbound.intercept: tproxy serves inbound calls only", "redirect"},
    {"outbound: { listen: 10.0.0.1:1002, intercept: redirect }\n" ENDPOINTS,
     "2:21: outbound.intercept: redirect brings connections to 127.0.0.1 and [::1], never to "
     "outbound.listen (10.0.0.1:1002)",
     "127.0.0.1:1002"},
    {"outbound: { listen: 127.0.0.1:0, intercept: redirect }\n" ENDPOINTS,
     "2:21: outbound.listen has port 0, and the rules of interception have to name a port", ""},
    {"inbound: { listen: 127.0.0.1:1, application: 127.0.0.1:2, intercept: redirect }\n",
     "2:20: inbound.intercept: redirect brings connections to every address of the host, and "
     "inbound.listen (127.0.0.1:1) is one of them only",
     "0.0.0.0:1"},
    {IN "intercept: transparent }\n",
     "2:71: inbound.intercept: \"transparent\" is not one of off, redirect, tproxy", "redirect"},
    {"outbound: { listen: 127.0.0.1:1002, tcp: [{ listen: 127.0.0.1:3, to: c }] }\n" ENDPOINTS,
     "2:70: outbound.tcp[0].to: there is no upstream \"c\"", "b"},
    {"outbound: { listen: 127.0.0.1:1002, tcp: [{ listen: 127.0.0.1:1002, to: b }] }\n" ENDPOINTS,
     "2:53: outbound.tcp[0].listen (127.0.0.1:1002) and outbound.listen (127.0.0.1:1002) are one "
     "address",
     ""},
    {"outbound: { listen: 127.0.0.1:1002, intercept: redirect }\nupstreams:\n"
     "  b: { endpoints: [{ address: 10.0.0.4:80 }] }\n"
     "  c: { endpoints: [{ address: 10.0.0.5:80 }], addresses: ['10.0.0.4:80'] }\n",
     "5:59: upstreams.c.addresses[0]: 10.0.0.4:80 belongs to upstream \"b\" already", ""},
};
INSTANTIATE_TEST_SUITE_P(InInterception, TlsMistakes, testing::ValuesIn(interception));

}  // namespace
}  // namespace weir::config
