// What a file says about TLS, identities and interception, and what follows from it unsaid.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "weir/config/effective.h"
#include "weir/config/load.h"

namespace weir::config {
namespace {

using namespace std::chrono_literals;
using policy::ListenerTls;
using policy::Pattern;

constexpr std::string_view own =
    "tls: { certificate: a.crt, key: a.key, ca: ca.crt, trust_domain: e.org }\n";
constexpr std::string_view in = "inbound: { listen: 0.0.0.0:1001, application: 127.0.0.1:2, ";
constexpr std::string_view out = "outbound: { listen: 127.0.0.1:1002 }\n";

Loaded load(std::string_view text) {
  auto loaded = load_text(text, "test.yaml");
  if (loaded) return std::move(*loaded);
  for (const auto& problem : loaded.error()) ADD_FAILURE() << format(problem);
  return {};
}

// Read as written, and read again from the effective form.
std::array<policy::Service, 2> both(const std::string& text) {
  policy::Service once = load("service: { name: a }\n" + text).service;
  const std::string effective = effective_yaml(once);
  policy::Service twice = load(effective).service;
  EXPECT_EQ(effective_yaml(twice), effective);
  return {std::move(once), std::move(twice)};
}

TEST(ShortForm, of_inbound_tls_takes_the_files_of_the_service) {
  for (const auto& service : both(fmt::format("{}{}tls: strict }}\n", own, in))) {
    const ListenerTls& tls = service.inbound->tls;
    EXPECT_EQ(tls.mode, ListenerTls::Mode::strict);
    EXPECT_EQ(tls.client, ListenerTls::Client::required);
    EXPECT_EQ(tls.certificates, (std::vector<policy::Certificate>{{"a.crt", "a.key"}}));
    EXPECT_EQ(tls.ca, "ca.crt");
    EXPECT_EQ(tls.trust_domain, "e.org");
  }
}

TEST(LongForm, of_inbound_tls_says_everything_itself) {
  for (const auto& service : both(fmt::format(
           "{}{}tls: {{ mode: permissive, client: optional, certificates: [{{ "
           "certificate: b.crt, key: b.key }}, {{ certificate: c.crt, key: c.key }}], "
           "ca: d.crt, trust_domain: f.org, minimum: 1.3, handshake_timeout: 2s }} }}\n",
           own, in))) {
    const ListenerTls& tls = service.inbound->tls;
    EXPECT_EQ(tls.mode, ListenerTls::Mode::permissive);
    EXPECT_EQ(tls.client, ListenerTls::Client::optional);
    EXPECT_EQ(tls.certificates,
              (std::vector<policy::Certificate>{{"b.crt", "b.key"}, {"c.crt", "c.key"}}));
    EXPECT_EQ(tls.ca, "d.crt");
    EXPECT_EQ(tls.trust_domain, "f.org");
    EXPECT_EQ(tls.minimum, policy::Tls::Version::tls_1_3);
    EXPECT_EQ(tls.handshake_timeout, 2s);
  }
}

TEST(UpstreamTls, takes_what_is_left_out_from_the_service) {
  const Pattern any_member{Pattern::Kind::prefix, "spiffe://e.org/"};
  const Pattern one{Pattern::Kind::exact, "spiffe://e.org/b"};
  const struct {
    std::string_view written;
    std::string_view server_name;
    std::string_view ca;
    bool shows_certificate;
    std::vector<Pattern> identities;
  } cases[] = {
      {"on", "b", "ca.crt", true, {any_member}},
      {"{ identities: spiffe://e.org/b }", "b", "ca.crt", true, {one}},
      {"{ server_name: B.example }", "b.example", "ca.crt", true, {}},
      {"{ server_name: b.example, ca: system }", "b.example", "", false, {}},
      {"{ server_name: b.example, ca: x.crt }", "b.example", "x.crt", false, {}},
      {"{ ca: x.crt, certificate: y.crt, key: y.key }", "b", "x.crt", true, {}},
      {"{ ca: x.crt, identities: [spiffe://f.org/b, 'spiffe://f.org/*'] }",
       "b",
       "x.crt",
       false,
       {{Pattern::Kind::exact, "spiffe://f.org/b"}, {Pattern::Kind::prefix, "spiffe://f.org/"}}},
  };
  for (const auto& expected : cases) {
    SCOPED_TRACE(expected.written);
    for (const auto& service : both(
             fmt::format("{}{}upstreams: {{ b: {{ endpoints: [{{ address: 10.0.0.4:80 }}], tls: {} "
                         "}} }}\n",
                         own, out, expected.written))) {
      ASSERT_TRUE(service.upstreams[0].tls);
      const policy::UpstreamTls& tls = *service.upstreams[0].tls;
      EXPECT_EQ(tls.server_name, expected.server_name);
      EXPECT_EQ(tls.ca, expected.ca);
      EXPECT_EQ(tls.certificate.has_value(), expected.shows_certificate);
      EXPECT_EQ(tls.identities, expected.identities);
    }
  }
}

TEST(UpstreamTls, is_off_unless_written) {
  for (const std::string_view written : {"", ", tls: off"}) {
    const auto service = both(
        fmt::format("{}{}upstreams: {{ b: {{ endpoints: [{{ address: 10.0.0.4:80 }}]{} }} }}\n",
                    own, out, written))[1];
    EXPECT_FALSE(service.upstreams[0].tls);
  }
}

class Directory : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory); }
  void TearDown() override { std::filesystem::remove_all(directory); }
  void put(const std::string& name) const { std::ofstream{directory + "/" + name} << "x"; }
  Loaded loaded() const {
    return load(
        fmt::format("service: {{ name: a }}\ntls: {{ directory: {} }}\n{}upstreams: {{ b: {{ "
                    "endpoints: [{{ address: 10.0.0.4:80 }}] }} }}\n",
                    directory, out));
  }
  const std::string directory = testing::TempDir() + "weir-tls-" + std::to_string(::getpid());
};

TEST_F(Directory, is_read_in_the_layouts_of_kubernetes_and_of_spiffe) {
  const struct {
    std::vector<std::string> names;
    std::string_view ca;
  } layouts[] = {{{"tls.crt", "tls.key"}, ""},
                 {{"tls.crt", "tls.key", "ca.crt"}, "/ca.crt"},
                 {{"svid.pem", "svid_key.pem", "bundle.pem"}, "/bundle.pem"},
                 {{"svid.pem", "svid_key.pem", "svid_bundle.pem"}, "/svid_bundle.pem"}};
  for (const auto& [names, ca] : layouts) {
    SCOPED_TRACE(names.back());
    TearDown();
    SetUp();
    for (const auto& name : names) put(name);
    const policy::Tls tls = loaded().service.tls;
    EXPECT_EQ(tls.certificate,
              (policy::Certificate{directory + "/" + names[0], directory + "/" + names[1]}));
    EXPECT_EQ(tls.ca, ca.empty() ? "" : directory + std::string{ca});
  }
}

TEST_F(Directory, may_be_filled_later_and_is_told_of) {
  const Loaded awaited = loaded();
  EXPECT_EQ(awaited.service.tls.certificate->chain, directory + "/tls.crt");
  EXPECT_TRUE(awaited.warnings.empty());
  ASSERT_EQ(awaited.absent_files.size(), 1U);
  EXPECT_EQ(awaited.absent_files[0].line, 2);
  for (const auto* name : {"tls.crt", "tls.key"}) put(name);
  EXPECT_TRUE(loaded().absent_files.empty());
}

TEST(Authorization, is_a_list_of_rules_of_which_the_first_that_fits_decides) {
  using enum policy::AuthorizationRule::Effect;
  for (const auto& service :
       both(fmt::format("{}{}tls: strict, authorization: {{ default: deny, dry_run: true, rules: [ "
                        "{{ deny: '*', path: /internal/* }}, "
                        "{{ allow: [spiffe://e.org/web, 'spiffe://e.org/ops/*'], method: GET }} ] "
                        "}}, identity_header: X-Caller }}\n",
                        own, in))) {
    const policy::Authorization& authorization = service.inbound->authorization;
    EXPECT_EQ(authorization.otherwise, deny);
    EXPECT_TRUE(authorization.dry_run);
    ASSERT_EQ(authorization.rules.size(), 2U);
    EXPECT_EQ(authorization.rules[0].effect, deny);
    EXPECT_EQ(authorization.rules[0].from, std::vector{Pattern{}});
    EXPECT_EQ(authorization.rules[0].path.text, "/internal/");
    EXPECT_EQ(authorization.rules[1].effect, allow);
    EXPECT_TRUE(authorization.rules[1].from[1].matches("spiffe://e.org/ops/a/b"));
    EXPECT_FALSE(authorization.rules[1].from[1].matches("spiffe://e.org/opsx"));
    EXPECT_EQ(authorization.rules[1].methods, std::vector{http::Method::get});
    EXPECT_EQ(service.inbound->identity_header, "x-caller");
  }
}

TEST(Interception, is_a_word_or_a_section) {
  for (const auto& service : both(
           fmt::format("{}intercept: tproxy, identity_header: off }}\n"
                       "outbound: {{ listen: '[::]:1002', intercept: {{ mode: redirect, unmatched: "
                       "refuse, opaque_ports: [3306], detection: 20ms }}, tunnel: {{ maximum_age: "
                       "1h }}, tcp: [{{ listen: 127.0.0.1:3306, to: b }}] }}\n"
                       "upstreams: {{ b: {{ endpoints: [{{ address: 10.0.0.4:80 }}], addresses: "
                       "['10.96.0.1:80'], tunnel: {{ idle: 5m }} }} }}\n",
                       "inbound: { listen: 0.0.0.0:1001, application: 10.0.0.1:2, "))) {
    EXPECT_EQ(service.inbound->intercept.mode, policy::Interception::Mode::tproxy);
    EXPECT_EQ(service.inbound->identity_header, "");
    const policy::Outbound& outbound = *service.outbound;
    EXPECT_EQ(outbound.intercept.mode, policy::Interception::Mode::redirect);
    EXPECT_EQ(outbound.intercept.unmatched, policy::Interception::Unmatched::refuse);
    EXPECT_EQ(outbound.intercept.opaque_ports, std::vector<std::uint16_t>{3306});
    EXPECT_EQ(outbound.intercept.detection, 20ms);
    EXPECT_EQ(outbound.tunnel.maximum_age, 1h);
    EXPECT_EQ(outbound.tcp[0].to, "b");
    EXPECT_EQ(service.upstreams[0].addresses[0].text(), "10.96.0.1:80");
    EXPECT_EQ(service.upstreams[0].tunnel.idle, 5min);
  }
}

TEST(Interception, passes_other_ports_through_unless_tls_is_asked_for_or_the_file_says_so) {
  using enum policy::Interception::Unmatched;
  const auto unmatched = [](std::string_view intercept, std::string_view tls) {
    const auto text = fmt::format("{}{}intercept: {}, tls: {} }}\n", own, in, intercept, tls);
    const auto services = both(text);
    EXPECT_EQ(services[0].inbound->intercept.unmatched, services[1].inbound->intercept.unmatched);
    return services[0].inbound->intercept.unmatched;
  };
  EXPECT_EQ(unmatched("redirect", "permissive"), pass_through);
  EXPECT_EQ(unmatched("redirect", "strict"), refuse);
  EXPECT_EQ(unmatched("{ mode: redirect, unmatched: pass_through }", "strict"), pass_through);
}

TEST(Warnings, tell_what_is_allowed_and_unwise) {
  const Loaded loaded = load(fmt::format(
      "service: {{ name: a }}\n{}{}intercept: {{ mode: tproxy, unmatched: pass_through }}, tls: "
      "strict }}\n{}"
      "upstreams:\n"
      "  b: {{ endpoints: [{{ address: 10.0.0.4:80 }}], tls: on }}\n"
      "  c: {{ endpoints: [{{ address: 10.0.0.5:80 }}], addresses: ['10.1.0.1:80'] }}\n",
      own, in, out));
  std::vector<int> lines;
  for (const auto& warning : loaded.warnings) lines.push_back(warning.line);
  EXPECT_EQ(lines, (std::vector<int>{3, 3, 6, 7}));
}

}  // namespace
}  // namespace weir::config
