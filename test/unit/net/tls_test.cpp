// TLS connections between our own two sides, over real sockets on loopback.

#include <algorithm>

#include "tls_pair.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;

class Tls : public TlsPair {
 protected:
  void SetUp() override {
    TlsPair::SetUp();
    serve(listener_policy());
    call(upstream_policy());
  }

  // Sends all of `bytes` while the other side reads.
  void send(Peer& from, Peer& to, std::string_view bytes) {
    to.read();
    const std::size_t total = to.received.size() + bytes.size();
    while (!bytes.empty()) {
      const WriteResult result = from.write(bytes);
      ASSERT_EQ(result.error, IoError::none);
      bytes.remove_prefix(result.bytes);
      if (bytes.empty()) break;
      const int before = from.writables;
      from.transport().wait_writable();
      turn_until(loop, [&] { return from.writables > before; });
    }
    turn_until(loop, [&] { return to.received.size() == total; });
  }
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

TEST_F(Tls, carries_bytes_both_ways_and_knows_both_names) {
  join();
  EXPECT_EQ(client->transport().peer(), listener->address());
  EXPECT_EQ(server->transport().local(), listener->address());
  EXPECT_EQ(server->transport().peer(), client->transport().local());
  exchange();
  EXPECT_EQ(server->received, "?");
  EXPECT_EQ(client->received, "!");
}

TEST_F(Tls, tells_what_was_agreed) {
  join(Alpn::h2_or_http_1_1);
  EXPECT_EQ(seen_by_server().protocol, "h2");
  EXPECT_EQ(seen_by_client().protocol, "h2");
  EXPECT_EQ(seen_by_server().server_name, "server.test");
  EXPECT_TRUE(seen_by_server().tls_1_3);
  EXPECT_FALSE(seen_by_server().verified);
  EXPECT_TRUE(seen_by_client().verified);
  EXPECT_TRUE(seen_by_client().identity.empty());
  EXPECT_FALSE(seen_by_client().resumed);
}

TEST_F(Tls, carries_every_byte_of_a_lot_both_ways_through_small_socket_buffers) {
  securing.buffers = Securing::Buffers::small;
  join();
  const std::string bytes = pattern(1 << 20);
  send(*client, *server, bytes);
  EXPECT_TRUE(server->received == bytes);
  client->buffer.resize(777);
  send(*server, *client, bytes);
  EXPECT_TRUE(client->received == bytes);
}

TEST_F(Tls, joins_pieces_and_splits_them_anywhere) {
  join();
  const std::string bytes = pattern(100'000);
  std::vector<iovec> pieces;
  for (std::size_t at = 0, size = 0; at < bytes.size(); at += size, size = (size * 7 + 3) % 30011) {
    size = std::min(size, bytes.size() - at);
    pieces.push_back({const_cast<char*>(bytes.data() + at), size});
  }
  server->read();
  EXPECT_EQ(client->transport().write(pieces).bytes, bytes.size());
  turn_until(loop, [&] { return server->received.size() == bytes.size(); });
  EXPECT_TRUE(server->received == bytes);
}

TEST_F(Tls, never_delivers_from_within_a_call) {
  join();
  client->write("early");
  for (int i = 0; i < 3; ++i) loop.turn(milliseconds{1});
  server->read();
  EXPECT_EQ(server->reads, 0);
  turn_until(loop, [&] { return server->received == "early"; });
}

TEST_F(Tls, an_end_is_told_and_the_other_direction_goes_on) {
  join();
  client->write("last words");
  client->transport().shutdown_send();
  server->read();
  turn_until(loop, [&] { return server->last && server->last->end(); });
  EXPECT_EQ(server->received, "last words");
  client->read();
  server->write("answer");
  turn_until(loop, [&] { return client->received == "answer"; });
  server->transport().shutdown_send();
  turn_until(loop, [&] { return client->last->end(); });
}

TEST_F(Tls, closing_in_order_is_an_end_and_not_a_truncation) {
  join();
  client->write("bye");
  server->read();
  client->close();
  turn_until(loop, [&] { return server->last && server->last->end(); });
  EXPECT_EQ(server->received, "bye");
}

TEST_F(Tls, a_reset_is_reported_as_such) {
  join();
  server->read();
  client->transport().reset_on_close();
  client->close();
  turn_until(loop, [&] { return server->last.has_value(); });
  EXPECT_EQ(server->last->error, IoError::reset);
  EXPECT_NE(server->write("to nobody").error, IoError::none);
}

TEST_F(Tls, takes_no_more_than_the_peer_reads_and_tells_when_there_is_room) {
  join();
  const std::string block = pattern(1 << 20);
  std::size_t sent = 0;
  WriteResult result;
  do {
    result = client->write(std::string_view{block}.substr(sent % block.size()));
    sent += result.bytes;
  } while (result.bytes == block.size());
  client->transport().wait_writable();
  loop.turn(milliseconds{0});
  EXPECT_EQ(client->writables, 0);
  server->read();
  turn_until(loop, [&] { return client->writables > 0; });
  EXPECT_EQ(client->writables, 1);
}

TEST_F(Tls, a_wait_for_room_ends_when_the_connection_breaks) {
  join();
  const std::string block = pattern(1 << 20);
  while (client->write(block).bytes == block.size()) {
  }
  client->transport().wait_writable();
  server->transport().reset_on_close();
  server->close();
  turn_until(loop, [&] { return client->writables == 1; });
  EXPECT_NE(client->write(block).error, IoError::none);
}

TEST_F(Tls, a_peer_that_never_pauses_does_not_starve_others) {
  join();
  server->buffer.resize(16);  // always filled: OpenSSL always has more
  client->write(pattern(1 << 16));
  server->read();
  turn_until(loop, [&] { return server->reads > 0; });
  const int before = server->reads;
  loop.turn(milliseconds{0});
  EXPECT_LE(server->reads - before, 2);
}

TEST_F(Tls, many_tiny_records_do_not_starve_others) {
  join();
  for (int i = 0; i < 1000; ++i) client->write("x");
  server->read();
  server->reading_on = false;
  turn_until(loop, [&] { return server->reads > 0; });
  EXPECT_LE(server->received.size(), 64U);
  server->reading_on = true;
  server->read();
  turn_until(loop, [&] { return server->received.size() == 1000; });
}

TEST_F(Tls, delivers_nothing_after_destruction_with_a_read_outstanding) {
  join();
  server->read();
  client->write("for nobody");
  server->transport().wait_writable();
  server->close();
  loop.turn(milliseconds{0});
  loop.turn(milliseconds{0});
  EXPECT_EQ(server->reads, 0);
  EXPECT_EQ(server->writables, 0);
}

TEST_F(Tls, a_handshake_is_given_up_by_destroying_it_on_either_side) {
  Target target{listener->address()};
  target.tls = tls_client;
  for (int turns = 0; turns < 6; ++turns) {
    Connected connected;
    auto connecting = connector.connect(target, connected);
    for (int i = 0; i < turns; ++i) loop.turn(milliseconds{1});
    connecting.reset();
    securing.handshakes.clear();
    connected.transport.reset();
    securing.peers.clear();
    for (int i = 0; i < 3; ++i) loop.turn(milliseconds{0});
  }
  join();  // nothing was left behind
  exchange();
}

TEST_F(Tls, the_preference_among_protocols_is_the_servers) {
  const std::pair<Alpn, std::string> cases[] = {{Alpn::http_1_1, "http/1.1"},
                                                {Alpn::h2, "h2"},
                                                {Alpn::h2_or_http_1_1, "h2"},
                                                {Alpn::nothing, ""}};
  for (const auto& [offered, agreed] : cases) {
    join(offered);
    EXPECT_EQ(seen_by_client().protocol, agreed);
    EXPECT_EQ(seen_by_server().protocol, agreed);
  }
}

TEST_F(Tls, chooses_the_certificate_by_the_name_that_is_asked_for) {
  auto policy = listener_policy();
  policy.certificates.push_back(certificate_for("exact.example.test"));
  policy.certificates.push_back(certificate("wild", {.dns = {"*.example.test"}}));
  serve(policy);
  for (const std::string name : {"exact.example.test", "any.example.test", "server.test"}) {
    auto asking = upstream_policy();
    asking.server_name = name;
    call(asking);
    EXPECT_EQ(shake_hands().client, ConnectError::none) << name;
  }
  for (const std::string name : {"a.b.example.test", "elsewhere.test"}) {
    auto asking = upstream_policy();
    asking.server_name = name;
    call(asking);
    EXPECT_EQ(shake_hands().client, ConnectError::tls_wrong_name) << name;
  }
}

TEST_F(Tls, speaks_1_2_with_rsa_and_1_3_only_when_told_so) {
  auto policy = listener_policy();
  policy.certificates = {
      certificate("rsa", {.dns = {"server.test"}, .key = CertificateWish::Key::rsa2048}),
      certificate("ecdsa", {.dns = {"server.test"}})};
  policy.minimum = Version::tls_1_3;
  serve(policy);
  join();
  EXPECT_TRUE(seen_by_client().tls_1_3);
}

}  // namespace
}  // namespace weir::net
