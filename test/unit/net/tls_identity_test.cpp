// Who the peer is, and why it is refused.

#include "net/tls_identity.h"

#include "raw_tls.h"
#include "tls_pair.h"

namespace weir::net {
namespace {

using std::chrono::hours;

const std::string catalog = "spiffe://example.org/catalog";

TEST(SpiffeId, is_written_in_one_way_only) {
  const std::pair<std::string, bool> cases[] = {
      {"spiffe://example.org/catalog", true},
      {"spiffe://example.org/ns/default/sa/Orders-2_x.y", true},
      {"spiffe://a/b", true},
      {"", false},
      {"spiffe://", false},
      {"spiffe:///catalog", false},
      {"spiffe://example.org", false},  // a trust domain is no workload
      {"spiffe://example.org/", false},
      {"spiffe://example.org//a", false},
      {"spiffe://example.org/a/", false},
      {"spiffe://example.org/a/../b", false},
      {"spiffe://example.org/./a", false},
      {"spiffe://Example.org/a", false},
      {"SPIFFE://example.org/a", false},
      {"spiffe://example.org:443/a", false},
      {"spiffe://user@example.org/a", false},
      {"spiffe://example.org/a?b", false},
      {"spiffe://example.org/a%2fb", false},
      {"https://example.org/a", false},
      {"spiffe://" + std::string(256, 'a') + "/b", false},
      {"spiffe://example.org/" + std::string(2048, 'a'), false},
  };
  for (const auto& [text, valid] : cases) EXPECT_EQ(is_spiffe_id(text), valid) << text;
}

TEST(SpiffeId, a_certificate_has_exactly_one_and_signs_nobody) {
  const auto id_of = [](const CertificateWish& wish) {
    return spiffe_id(*authority().sign(wish).x509);
  };
  EXPECT_EQ(id_of({.dns = {"catalog.test"}, .uris = {catalog}}), catalog);
  EXPECT_EQ(id_of({.dns = {"catalog.test"}}), "");
  EXPECT_EQ(id_of({.uris = {catalog, "spiffe://example.org/orders"}}), "");
  EXPECT_EQ(id_of({.uris = {catalog, "https://example.org"}}), "");
  EXPECT_EQ(id_of({.uris = {"https://example.org/catalog"}}), "");
  EXPECT_EQ(id_of({.uris = {catalog}, .role = CertificateWish::Role::authority}), "");
}

class TlsIdentity : public TlsPair {
 protected:
  void SetUp() override {
    TlsPair::SetUp();
    caller = upstream_policy();
    listening = listener_policy();
    listening.ca = ca;
    listening.client = Client::required;
  }

  Ending outcome() {
    serve(listening);
    call(caller);
    return shake_hands();
  }

  // Authorities that a side would not load are loaded by nobody here.
  policy::Certificate by_stranger(const std::string& name, const CertificateWish& wish) {
    return files.write(name, stranger().sign(wish));
  }

  policy::ListenerTls listening;
  policy::UpstreamTls caller;
};

TEST_F(TlsIdentity, both_sides_know_each_others_spiffe_id) {
  listening.certificates = {certificate("server", {.uris = {catalog}})};
  caller.certificate = certificate("client", {.uris = {"spiffe://example.org/orders"}});
  caller.identities = {{policy::Pattern::Kind::exact, catalog}};
  serve(listening);
  call(caller);
  join();
  EXPECT_EQ(seen_by_client().identity, catalog);
  EXPECT_EQ(seen_by_server().identity, "spiffe://example.org/orders");
  EXPECT_TRUE(seen_by_server().verified);
}

TEST_F(TlsIdentity, patterns_decide_and_names_do_not_when_identities_are_given) {
  using Kind = policy::Pattern::Kind;
  const std::pair<policy::Pattern, ConnectError> cases[] = {
      {{Kind::exact, catalog}, ConnectError::none},
      {{Kind::prefix, "spiffe://example.org/"}, ConnectError::none},
      {{Kind::any, ""}, ConnectError::none},
      {{Kind::exact, catalog + "s"}, ConnectError::tls_wrong_name},
      {{Kind::prefix, "spiffe://example.com/"}, ConnectError::tls_wrong_name},
  };
  listening.client = Client::none;
  listening.certificates = {certificate("server", {.dns = {"other.test"}, .uris = {catalog}})};
  for (const auto& [pattern, error] : cases) {
    caller.identities = {{Kind::exact, "spiffe://example.org/nobody"}, pattern};
    EXPECT_EQ(outcome().client, error) << pattern.text;
  }
  // Verified, but without an identity: not even `*` means everybody.
  listening.certificates = {certificate_for("server.test")};
  caller.identities = {{Kind::any, ""}};
  EXPECT_EQ(outcome().client, ConnectError::tls_wrong_name);
}

TEST_F(TlsIdentity, a_caller_without_a_certificate_is_refused_or_unknown) {
  const Ending refused = outcome();
  EXPECT_EQ(refused.server, TlsError::no_certificate);
  // In TLS 1.3 the client hears of it when its own handshake is complete.
  EXPECT_EQ(refused.client, ConnectError::none);
  EXPECT_FALSE(seen_by_client().turned_us_away);
  client->read();
  turn_until(loop, [&] { return client->last.has_value(); });
  EXPECT_EQ(client->last->error, IoError::reset);
  EXPECT_TRUE(seen_by_client().turned_us_away);
  listening.client = Client::optional;
  EXPECT_EQ(outcome().server, TlsError::none);
  EXPECT_FALSE(seen_by_server().verified);
  EXPECT_EQ(seen_by_server().identity, "");
}

TEST_F(TlsIdentity, who_shows_a_certificate_is_verified_also_where_none_is_required) {
  for (const auto mode : {Client::required, Client::optional}) {
    listening.client = mode;
    caller.certificate = by_stranger("client", {.uris = {catalog}});
    EXPECT_EQ(outcome().server, TlsError::untrusted);
  }
  // Nobody asked for it: it is not sent.
  listening.client = Client::none;
  EXPECT_EQ(outcome().server, TlsError::none);
  EXPECT_EQ(seen_by_server().identity, "");
}

TEST_F(TlsIdentity, a_certificate_for_something_else_is_not_believed) {
  caller.certificate = certificate("client", {.uris = {catalog}, .usage = "serverAuth"});
  EXPECT_EQ(outcome().server, TlsError::untrusted);
  caller.certificate = certificate("client", {.uris = {catalog}, .usage = "clientAuth"});
  EXPECT_EQ(outcome().server, TlsError::none);
  listening.certificates = {certificate("server", {.dns = {"server.test"}, .usage = "clientAuth"})};
  EXPECT_EQ(outcome().client, ConnectError::tls_untrusted);
}

TEST_F(TlsIdentity, the_name_must_be_the_certificates) {
  listening.client = Client::none;
  const std::pair<CertificateWish, ConnectError> cases[] = {
      {{.dns = {"server.test"}}, ConnectError::none},
      {{.dns = {"other.test", "SERVER.test"}}, ConnectError::none},
      {{.dns = {"*.test"}}, ConnectError::tls_wrong_name},
      {{.dns = {"other.test"}}, ConnectError::tls_wrong_name},
      {{.dns = {"s*.test"}}, ConnectError::tls_wrong_name},
      {{.dns = {"*.server.test"}}, ConnectError::tls_wrong_name},
      {{.common_name = "server.test"}, ConnectError::tls_wrong_name},
      {{.common_name = "server.test", .uris = {catalog}}, ConnectError::tls_wrong_name},
  };
  for (const auto& [wish, error] : cases) {
    listening.certificates = {certificate("server", wish)};
    EXPECT_EQ(outcome().client, error) << (wish.dns.empty() ? wish.common_name : wish.dns[0]);
  }
}

TEST_F(TlsIdentity, an_address_as_a_name_is_looked_for_among_addresses) {
  listening.client = Client::none;
  caller.server_name = "127.0.0.1";
  listening.certificates = {certificate("server", {.addresses = {"127.0.0.1"}})};
  EXPECT_EQ(outcome().client, ConnectError::none);
  EXPECT_EQ(seen_by_server().server_name, "");  // RFC 6066: no literal addresses
  listening.certificates = {certificate("server", {.dns = {"127.0.0.1"}})};
  EXPECT_EQ(outcome().client, ConnectError::tls_wrong_name);
}

TEST_F(TlsIdentity, whoever_nobody_vouches_for_is_untrusted) {
  listening.client = Client::none;
  listening.certificates = {by_stranger("server", {.dns = {"server.test"}})};
  EXPECT_EQ(outcome().client, ConnectError::tls_untrusted);
  EXPECT_EQ(outcome().server, TlsError::alert);
}

TEST_F(TlsIdentity, a_chain_of_authorities_is_followed_and_each_may_be_the_one_believed) {
  listening.client = Client::none;
  const MadeCertificate middle =
      authority().sign({.common_name = "middle", .role = CertificateWish::Role::authority});
  const MadeCertificate leaf = middle.sign({.dns = {"server.test"}});
  listening.certificates = {files.write("server", leaf, {middle})};
  EXPECT_EQ(outcome().client, ConnectError::none);
  listening.certificates = {files.write("server", leaf)};
  EXPECT_EQ(outcome().client, ConnectError::tls_untrusted);
  caller.ca = files.write("middle.crt", middle.pem);
  EXPECT_EQ(outcome().client, ConnectError::none);
}

// Our own side would not load these: a server that does stands in.
TEST_F(TlsIdentity, an_endpoint_out_of_its_time_or_signed_by_a_leaf_is_refused) {
  const MadeCertificate leaf = authority().sign({.common_name = "leaf"});
  const std::pair<MadeCertificate, ConnectError> cases[] = {
      {authority().sign({.dns = {"server.test"}}), ConnectError::none},
      {authority().sign({.dns = {"server.test"}, .valid_until = hours{-1}}),
       ConnectError::tls_expired},
      {authority().sign({.dns = {"server.test"}, .valid_from = hours{1}, .valid_until = hours{2}}),
       ConnectError::tls_expired},
      {leaf.sign({.dns = {"server.test"}}), ConnectError::tls_untrusted},
      {authority().sign({.dns = {"server.test"}, .key = CertificateWish::Key::rsa1024}),
       ConnectError::tls_untrusted},
  };
  call(caller);
  for (const auto& [certificate, error] : cases) {
    const RawTlsServer shown{RawTls::showing(certificate)};
    EXPECT_EQ(reach(shown.address()), error);
    client.reset();  // the server waits for it
  }
}

TEST_F(TlsIdentity, a_caller_out_of_its_time_is_refused) {
  serve(listening);
  const std::pair<MadeCertificate, TlsError> cases[] = {
      {authority().sign({.uris = {catalog}}), TlsError::none},
      {authority().sign({.uris = {catalog}, .valid_until = hours{-1}}), TlsError::expired},
      {authority().sign({.uris = {catalog}, .valid_from = hours{1}, .valid_until = hours{2}}),
       TlsError::expired},
  };
  for (const auto& [certificate, error] : cases) {
    securing.error.reset();
    const std::jthread caller_thread{[&] {
      RawTls raw{listener->address(), RawTls::showing(certificate)};
      if (raw.shake_hands()) raw.write("?");
    }};
    turn_until(loop, [&] { return securing.error.has_value(); });
    EXPECT_EQ(securing.error, error);
  }
}

}  // namespace
}  // namespace weir::net
