// Peers that break the protocol, or their word.

#include <openssl/err.h>

#include "raw_tls.h"
#include "tls_pair.h"

namespace weir::net {
namespace {

class TlsHostile : public TlsPair {
 protected:
  void SetUp() override {
    TlsPair::SetUp();
    serve(listener_policy());
  }

  // Runs `attack` beside the loop, until both the handshake and the attack have ended. Our side
  // closes when the other has ended.
  void face(
      const std::function<void(RawTls&)>& attack,
      const RawTls::Configure& configure = [](SSL_CTX*) {}) {
    bool done = false;
    std::jthread thread{[&] {
      {
        RawTls raw{listener->address(), configure};
        attack(raw);
      }
      loop.mailbox().post([&] { done = true; });
    }};
    turn_until(loop, [&] {
      if (!server && !securing.peers.empty()) {
        server = std::move(securing.peers.back());
        securing.peers.pop_back();
        server->read();
      }
      if (server && server->received == "?" && !answered_) {
        answered_ = true;
        server->write("!");
      }
      if (server && server->last && server->last->bytes == 0) server->close();
      return done && securing.error;
    });
  }

  bool answered_ = false;

  // Why the client failed: the alert that the server sent.
  static int alert() { return ERR_GET_REASON(ERR_peek_last_error()); }
};

TEST_F(TlsHostile, something_else_than_tls_is_refused) {
  for (const std::string text : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff garbage",
                                 "\x16\x03\x01\x00\x05\x02\x00\x00\x01x", "\x80\x80\x80\x80\x80"}) {
    securing.error.reset();
    face([&](RawTls& raw) {
      raw.write_plain(text);
      raw.cut_off();
    });
    EXPECT_EQ(securing.error, TlsError::protocol) << text;
  }
}

TEST_F(TlsHostile, a_handshake_that_is_cut_short_fails) {
  face([](RawTls& raw) { raw.write_plain(std::string_view{"\x16\x03\x01\x02\x00\x01\x00", 7}); });
  EXPECT_EQ(securing.error, TlsError::protocol);
}

TEST_F(TlsHostile, old_versions_and_weak_ciphers_are_refused) {
  int reason = 0;
  const auto attack = [&](RawTls& raw) {
    EXPECT_FALSE(raw.shake_hands());
    reason = alert();
  };
  face(attack, [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION); });
  EXPECT_EQ(securing.error, TlsError::version);
  EXPECT_EQ(reason, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
  for (const auto* ciphers :
       {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-SHA"}) {
    securing.error.reset();
    face(attack, [&](SSL_CTX* context) {
      SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
      SSL_CTX_set_cipher_list(context, ciphers);
    });
    EXPECT_EQ(securing.error, TlsError::version) << ciphers;
    EXPECT_EQ(reason, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
  }
}

TEST_F(TlsHostile, only_1_3_means_it) {
  auto policy = listener_policy();
  policy.minimum = Version::tls_1_3;
  serve(policy);
  face([](RawTls& raw) { EXPECT_FALSE(raw.shake_hands()); },
       [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); });
  EXPECT_EQ(securing.error, TlsError::version);
}

TEST_F(TlsHostile, protocols_without_a_common_one_end_in_an_alert) {
  int reason = 0;
  face(
      [&](RawTls& raw) {
        EXPECT_FALSE(raw.shake_hands());
        reason = alert();
      },
      [](SSL_CTX* context) {
        SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>("\x03mqt"), 4);
      });
  EXPECT_EQ(reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
  EXPECT_EQ(securing.error, TlsError::protocol);
}

TEST_F(TlsHostile, an_end_without_close_notify_is_a_truncation_and_leaves_our_side_open) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    securing.error.reset();
    server.reset();
    std::string answer;
    bool done = false;
    std::jthread thread{[&] {
      RawTls raw{listener->address(),
                 [&](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, version); }};
      if (raw.shake_hands()) {
        raw.write("request");
        raw.cut_off();
        answer = raw.read();
      }
      loop.mailbox().post([&] { done = true; });
    }};
    turn_until(loop, [&] { return !securing.peers.empty(); });
    server = std::move(securing.peers.back());
    securing.peers.clear();
    server->read();
    turn_until(loop, [&] { return server->last && server->last->error != IoError::none; });
    EXPECT_EQ(server->received, "request");
    EXPECT_EQ(server->last->error, IoError::truncated);
    server->write("answer");
    turn_until(loop, [&] { return done; });
    EXPECT_EQ(answer, "answer");
  }
}

TEST_F(TlsHostile, a_broken_record_ends_the_connection) {
  face([](RawTls& raw) {
    ASSERT_TRUE(raw.shake_hands());
    raw.write("good");
    raw.write_plain(std::string_view{"\x17\x03\x03\x00\x20 thirty-two bytes of anything...", 37});
    raw.read();
  });
  EXPECT_EQ(server->received, "good");
  EXPECT_EQ(server->last->error, IoError::reset);
}

TEST_F(TlsHostile, renegotiation_is_refused_and_the_connection_goes_on) {
  std::string answer;
  face(
      [&](RawTls& raw) {
        ASSERT_TRUE(raw.shake_hands());
        EXPECT_TRUE(SSL_get_secure_renegotiation_support(raw.ssl()));
        SSL_renegotiate(raw.ssl());
        EXPECT_FALSE(raw.shake_hands());
      },
      [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); });
  EXPECT_EQ(securing.error, TlsError::none);
  EXPECT_EQ(server->received, "");
}

TEST_F(TlsHostile, key_updates_are_followed_but_not_without_end) {
  face([](RawTls& raw) {
    ASSERT_TRUE(raw.shake_hands());
    for (int i = 0; i < 20; ++i) {
      SSL_key_update(raw.ssl(), SSL_KEY_UPDATE_REQUESTED);
      raw.write("x");
    }
    SSL_shutdown(raw.ssl());
    raw.read();
  });
  EXPECT_EQ(server->received, std::string(20, 'x'));
  EXPECT_TRUE(server->last->end());

  server.reset();
  securing.error.reset();
  face([&](RawTls& raw) {
    ASSERT_TRUE(raw.shake_hands());
    for (int i = 0; i < 500; ++i) {
      SSL_key_update(raw.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
      raw.write("x");
    }
    raw.read();
  });
  EXPECT_EQ(server->last->error, IoError::other);
  EXPECT_LT(server->received.size(), 500U);
}

TEST_F(TlsHostile, nothing_that_is_forgotten_of_a_caller_is_missed) {
  policy::ListenerTls mutual = listener_policy();
  mutual.ca = ca;
  mutual.client = Client::required;
  serve(mutual);
  face(
      [](RawTls& raw) {
        ASSERT_TRUE(raw.shake_hands());
        for (int i = 0; i < 3; ++i) {
          SSL_key_update(raw.ssl(), SSL_KEY_UPDATE_REQUESTED);
          raw.write("x");
        }
        SSL_shutdown(raw.ssl());
        raw.read();
      },
      RawTls::showing(authority().sign({.uris = {"spiffe://example.org/orders"}})));
  EXPECT_EQ(server->received, "xxx");
  EXPECT_TRUE(server->last->end());
}

TEST_F(TlsHostile, early_data_is_refused) {
  std::size_t written = 0;
  bool accepted = true;
  face([&](RawTls& first) {
    ASSERT_TRUE(first.shake_hands());
    first.write("?");
    EXPECT_EQ(first.read(), "!");  // the tickets stand before it
    SSL_SESSION* session = SSL_get1_session(first.ssl());
    EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0U);
    RawTls second{listener->address()};
    SSL_SESSION_set_max_early_data(session, 1000);
    SSL_set_session(second.ssl(), session);
    SSL_write_early_data(second.ssl(), "early", 5, &written);
    ASSERT_TRUE(second.shake_hands());
    accepted = SSL_get_early_data_status(second.ssl()) == SSL_EARLY_DATA_ACCEPTED;
    SSL_SESSION_free(session);
  });
  EXPECT_FALSE(accepted);
}

TEST_F(TlsHostile, a_server_that_speaks_something_else_is_a_tls_failure) {
  struct Plain final : AcceptEvents {
    void on_accept(Arrival arrival) override {
      peer = std::make_unique<Peer>(std::move(arrival).plain());
      peer->write("220 mail.example.org\r\n");
    }
    std::unique_ptr<Peer> peer;
  } plain;
  auto socket = ListeningSocket::open(any_port);
  ASSERT_TRUE(socket);
  const Listener mail{loop, std::move(*socket), plain};
  call(upstream_policy());
  EXPECT_EQ(reach(mail.address()), ConnectError::tls);
  EXPECT_EQ(client, nullptr);
}

// Chooses whatever `protocol` says, also what nobody has offered.
RawTls::Configure choosing(const std::string& protocol) {
  return [&protocol](SSL_CTX* context) {
    RawTls::showing(authority().sign({.dns = {"server.test"}}))(context);
    const auto choose = [](SSL*, const unsigned char** chosen, unsigned char* size,
                           const unsigned char*, unsigned, void* wanted) {
      const auto& text = *static_cast<const std::string*>(wanted);
      if (text.empty()) return SSL_TLSEXT_ERR_NOACK;
      *chosen = reinterpret_cast<const unsigned char*>(text.data());
      *size = static_cast<unsigned char>(text.size());
      return SSL_TLSEXT_ERR_OK;
    };
    SSL_CTX_set_alpn_select_cb(context, choose, const_cast<std::string*>(&protocol));
  };
}

TEST_F(TlsHostile, a_protocol_that_was_not_asked_for_is_a_tls_failure) {
  struct Case {
    std::string chosen;
    Alpn asked;
    ConnectError error;
  };
  const Case cases[] = {
      {"", Alpn::http_1_1, ConnectError::none},
      {"", Alpn::h2_or_http_1_1, ConnectError::none},
      {"", Alpn::h2, ConnectError::tls},
      {"http/1.1", Alpn::h2, ConnectError::tls},
      {"h2", Alpn::http_1_1, ConnectError::tls},
      {"h2", Alpn::h2, ConnectError::none},
      {"mqtt", Alpn::h2_or_http_1_1, ConnectError::tls},
  };
  call(upstream_policy());
  for (const Case& one : cases) {
    const RawTlsServer raw{choosing(one.chosen)};
    EXPECT_EQ(reach(raw.address(), one.asked), one.error) << one.chosen;
    client.reset();
  }
}

TEST_F(TlsHostile, a_server_of_old_is_a_tls_failure) {
  call(upstream_policy());
  const RawTlsServer old{[](SSL_CTX* context) {
    RawTls::showing(authority().sign({.dns = {"server.test"}}))(context);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  }};
  EXPECT_EQ(reach(old.address()), ConnectError::tls);
}

}  // namespace
}  // namespace weir::net
