// Sessions: resumed on the next connection, never beyond what was proven.

#include "net/tls_server.h"
#include "raw_tls.h"
#include "tls_pair.h"

namespace weir::net {
namespace {

class TlsResumption : public TlsPair {
 protected:
  void SetUp() override {
    TlsPair::SetUp();
    listening = listener_policy();
    listening.ca = ca;
    listening.client = Client::required;
    caller = upstream_policy();
    caller.certificate = certificate("client", {.uris = {"spiffe://example.org/orders"}});
    serve(listening);
    call(caller);
  }

  policy::ListenerTls listening;
  policy::UpstreamTls caller;
};

TEST_F(TlsResumption, resumes_on_the_next_connection_and_keeps_the_verified_identity) {
  join(Alpn::h2);
  EXPECT_FALSE(seen_by_server().resumed);
  exchange();
  join(Alpn::h2);
  EXPECT_TRUE(seen_by_server().resumed);
  EXPECT_TRUE(seen_by_client().resumed);
  EXPECT_TRUE(seen_by_server().verified);
  EXPECT_TRUE(seen_by_client().verified);
  EXPECT_EQ(seen_by_server().identity, "spiffe://example.org/orders");
  EXPECT_EQ(seen_by_server().protocol, "h2");
}

TEST_F(TlsResumption, goes_on_resuming_and_uses_a_ticket_once) {
  join();
  exchange();
  join();
  EXPECT_TRUE(seen_by_client().resumed);
  const auto second = std::move(client);
  join();  // the ticket of the second connection was never read
  EXPECT_FALSE(seen_by_client().resumed);
  for (int i = 0; i < 5; ++i) {
    exchange();
    join();
    EXPECT_TRUE(seen_by_client().resumed) << i;
  }
}

TEST_F(TlsResumption, has_a_ticket_from_a_connection_that_carried_nothing) {
  join();
  client->read();
  server.reset();
  turn_until(loop, [&] { return client->last && client->last->end(); });
  join();
  EXPECT_TRUE(seen_by_client().resumed);
}

// It tells the caller's kernel that the handshake has arrived: many hold their request back until
// then (Nagle's algorithm, RFC 896).
TEST_F(TlsResumption, has_a_ticket_before_anything_was_asked) {
  join();
  client->read();
  for (int i = 0; i < 5; ++i) loop.turn(std::chrono::milliseconds{1});
  const auto first = std::pair{std::move(client), std::move(server)};
  join();
  EXPECT_TRUE(seen_by_client().resumed);
}

TEST_F(TlsResumption, keeps_protocols_apart) {
  join(Alpn::h2);
  exchange();
  join(Alpn::http_1_1);
  EXPECT_FALSE(seen_by_client().resumed);
}

TEST_F(TlsResumption, a_new_generation_resumes_nothing_of_the_old) {
  join();
  exchange();
  serve(listening);
  join();
  EXPECT_FALSE(seen_by_server().resumed);
  exchange();
  join();
  EXPECT_TRUE(seen_by_server().resumed);
  exchange();
  call(caller);
  join();
  EXPECT_FALSE(seen_by_server().resumed);
}

TEST_F(TlsResumption, a_session_of_1_2_is_resumed_as_often_as_it_lasts) {
  // Our own sides agree on 1.3; a client of an older kind stands in.
  listening.client = Client::none;
  serve(listening);
  std::vector<bool> resumed;
  bool done = false;
  std::jthread old{[&] {
    SSL_SESSION* session = nullptr;
    for (int i = 0; i < 3; ++i) {
      RawTls raw{listener->address(),
                 [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); }};
      if (session != nullptr) SSL_set_session(raw.ssl(), session);
      if (!raw.shake_hands()) break;
      resumed.push_back(SSL_session_reused(raw.ssl()) == 1);
      SSL_SESSION_free(session);
      session = SSL_get1_session(raw.ssl());
      SSL_shutdown(raw.ssl());
    }
    SSL_SESSION_free(session);
    loop.mailbox().post([&] { done = true; });
  }};
  turn_until(loop, [&] { return done; });
  EXPECT_EQ(resumed, (std::vector<bool>{false, true, true}));
}

TEST_F(TlsResumption, our_side_resumes_sessions_of_1_2_too) {
  const RawTlsServer old{[](SSL_CTX* context) {
    RawTls::showing(authority().sign({.dns = {"server.test"}}))(context);
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  }};
  for (const bool resumed : {false, true, true}) {
    ASSERT_EQ(reach(old.address()), ConnectError::none);
    EXPECT_EQ(seen_by_client().resumed, resumed);
    EXPECT_FALSE(seen_by_client().tls_1_3);
    EXPECT_TRUE(seen_by_client().verified);
    client->read();
    client->write("echo");
    turn_until(loop, [&] { return client->received == "echo"; });
    client.reset();
  }
}

TEST(TicketKeys, are_replaced_each_hour_and_read_one_more) {
  constexpr std::int64_t begin = 1'800'000'000;
  TicketKeys keys;
  const auto first = keys.latest(begin);
  ASSERT_TRUE(first);
  EXPECT_EQ(keys.latest(begin + 3599)->name, first->name);
  const auto second = keys.latest(begin + 3600);
  EXPECT_NE(second->name, first->name);
  EXPECT_NE(second->cipher, first->cipher);
  EXPECT_NE(second->mac, first->mac);
  const auto age_of = [&](const TicketKeys::Key& key, std::int64_t now) {
    const auto found = keys.find(key.name, now);
    return found ? std::optional{found->age} : std::nullopt;
  };
  EXPECT_EQ(age_of(*second, begin + 7199), TicketKeys::Age::latest);
  EXPECT_EQ(age_of(*first, begin + 7199), TicketKeys::Age::previous);
  EXPECT_EQ(keys.find(first->name, begin + 7199)->key.cipher, first->cipher);
  EXPECT_EQ(age_of(*first, begin + 7200), std::nullopt);
  EXPECT_EQ(age_of(*second, begin + 7200), TicketKeys::Age::previous);
  EXPECT_EQ(age_of(*second, begin + 20'000), std::nullopt);  // nobody asked for hours
}

TEST(SessionAge, ends_an_hour_after_the_proof_or_with_the_certificate) {
  const SessionAge age{.proven_at = 10'000, .not_after = 12'000};
  EXPECT_FALSE(age.resumable(9'999));
  EXPECT_TRUE(age.resumable(10'000));
  EXPECT_TRUE(age.resumable(12'000));
  EXPECT_FALSE(age.resumable(12'001));
  const SessionAge longer{.proven_at = 10'000, .not_after = 100'000};
  EXPECT_TRUE(longer.resumable(13'600));
  EXPECT_FALSE(longer.resumable(13'601));
}

}  // namespace
}  // namespace weir::net
