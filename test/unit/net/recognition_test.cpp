// Looking at an arrival's first bytes without taking them.

#include "client_hello_bytes.h"
#include "peer.h"
#include "weir/net/arrival.h"
#include "weir/net/connector.h"
#include "weir/net/listener.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Recognising : public testing::Test, public AcceptEvents, public GreetingEvents {
 protected:
  void SetUp() override {
    auto socket = ListeningSocket::open(any_port);
    ASSERT_TRUE(socket) << socket.error().text;
    listener = std::make_unique<Listener>(loop, std::move(*socket), *this);
    Connected connected;
    const auto connecting = connector.connect(listener->address(), connected);
    turn_until(loop, [&] { return connected.error && arrival; });
    client = std::make_unique<Peer>(std::move(connected.transport));
  }
  void on_accept(Arrival accepted) override { arrival.emplace(std::move(accepted)); }
  void on_greeting(Greeting heard) override {
    greeting = std::move(heard);
    recognition.reset();
  }

  void look(Duration at_most = seconds{20}) {
    recognition = Recognition::start(*arrival, at_most, *this);
    EXPECT_FALSE(greeting);
  }
  Greeting::Kind kind() {
    turn_until(loop, [&] { return greeting.has_value(); });
    return greeting ? greeting->kind : Greeting::Kind::gone;
  }
  // Whoever takes the connection over reads it from its first byte.
  void expect_untouched(std::string_view text) {
    Peer server{std::move(*arrival).plain()};
    server.read();
    turn_until(loop, [&] { return server.received.size() >= text.size(); });
    EXPECT_EQ(server.received, text);
  }

  Loop loop;
  TcpConnector connector{loop};
  std::unique_ptr<Listener> listener;
  std::optional<Arrival> arrival;
  std::optional<Greeting> greeting;
  std::unique_ptr<Recognition> recognition;
  std::unique_ptr<Peer> client;
};

TEST_F(Recognising, sees_what_is_there_already) {
  client->write("GET / HTTP/1.1\r\n\r\n");
  look();
  EXPECT_EQ(kind(), Greeting::Kind::http_1);
  expect_untouched("GET / HTTP/1.1\r\n\r\n");
}

TEST_F(Recognising, waits_for_more_and_takes_nothing) {
  const std::string hello = client_hello({.server_name = "catalog.test", .alpn = {"h2"}});
  look();
  for (const char& byte : hello) {
    client->write({&byte, 1});
    loop.turn(milliseconds{1});
  }
  EXPECT_EQ(kind(), Greeting::Kind::tls);
  EXPECT_EQ(greeting->server_name, "catalog.test");
  EXPECT_TRUE(greeting->offers_h2);
  expect_untouched(hello);
}

TEST_F(Recognising, says_so_when_nothing_comes_in_time) {
  look(milliseconds{5});
  EXPECT_EQ(kind(), Greeting::Kind::silent);
  client->write("late");
  expect_untouched("late");
}

TEST_F(Recognising, takes_the_best_guess_when_time_is_over_or_the_end_has_come) {
  client->write("GET /slow");
  look(milliseconds{5});
  EXPECT_EQ(kind(), Greeting::Kind::http_1);
  greeting.reset();
  client->transport().shutdown_send();
  look();
  EXPECT_EQ(kind(), Greeting::Kind::http_1);
  expect_untouched("GET /slow");
}

TEST_F(Recognising, knows_who_has_gone) {
  look();
  loop.turn(milliseconds{0});
  client->transport().reset_on_close();
  client->close();
  EXPECT_EQ(kind(), Greeting::Kind::gone);
}

TEST_F(Recognising, tells_who_has_ended_from_who_has_gone) {
  look();
  loop.turn(milliseconds{0});
  client->transport().shutdown_send();
  EXPECT_EQ(kind(), Greeting::Kind::ended);
}

TEST_F(Recognising, can_be_given_up) {
  look();
  loop.turn(milliseconds{0});
  recognition.reset();
  client->write("GET / HTTP/1.1\r\n\r\n");
  for (int i = 0; i < 3; ++i) loop.turn(milliseconds{1});
  EXPECT_FALSE(greeting);
  expect_untouched("GET / HTTP/1.1\r\n\r\n");
}

}  // namespace
}  // namespace weir::net
