// The loop, the listener, the connector and the transport, over real sockets on loopback.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "peer.h"
#include "weir/net/connector.h"
#include "weir/net/listener.h"
#include "weir/net/loop.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Accepted final : AcceptEvents {
  std::vector<std::unique_ptr<Peer>> peers;
  void on_accept(Arrival arrival) override {
    auto transport = std::move(arrival).plain();
    peers.push_back(std::make_unique<Peer>(std::move(transport)));
  }
};

class Tcp : public testing::Test {
 protected:
  void SetUp() override {
    auto socket = ListeningSocket::open(any_port);
    ASSERT_TRUE(socket) << socket.error().text;
    listener = std::make_unique<Listener>(loop, std::move(*socket), accepted);
  }

  void join() {
    Connected connected;
    const auto connecting = connector.connect(listener->address(), connected);
    turn_until(loop, [&] { return connected.error && !accepted.peers.empty(); });
    ASSERT_EQ(connected.error, ConnectError::none);
    client = std::make_unique<Peer>(std::move(connected.transport));
    server = std::move(accepted.peers.back());
    accepted.peers.clear();
  }

  Loop loop;
  Accepted accepted;
  std::unique_ptr<Listener> listener;
  TcpConnector connector{loop};
  std::unique_ptr<Peer> client;
  std::unique_ptr<Peer> server;
};

TEST_F(Tcp, carries_bytes_both_ways_and_knows_both_names) {
  join();
  EXPECT_EQ(client->transport().peer(), listener->address());
  EXPECT_EQ(server->transport().local(), listener->address());
  EXPECT_EQ(server->transport().peer(), client->transport().local());
  server->read();
  client->read();
  EXPECT_EQ(client->write("ping").bytes, 4U);
  turn_until(loop, [&] { return server->received == "ping"; });
  EXPECT_EQ(server->write("pong").bytes, 4U);
  turn_until(loop, [&] { return client->received == "pong"; });
}

TEST_F(Tcp, never_delivers_from_within_a_call) {
  join();
  client->write("early");
  turn_until(loop, [&] { return server->reads == 0; });
  loop.turn(milliseconds{0});  // the bytes are announced while nobody reads
  server->read();
  EXPECT_EQ(server->reads, 0);
  turn_until(loop, [&] { return server->received == "early"; });
}

TEST_F(Tcp, tells_of_an_end_that_came_together_with_the_last_bytes) {
  join();
  client->write("last words");
  client->transport().shutdown_send();
  server->read();
  turn_until(loop, [&] { return server->last && server->last->end(); });
  EXPECT_EQ(server->received, "last words");
  // Half-closed: the other direction still works.
  client->read();
  server->write("answer");
  turn_until(loop, [&] { return client->received == "answer"; });
}

TEST_F(Tcp, reports_a_reset_as_such) {
  join();
  server->read();
  client->transport().reset_on_close();
  client->close();
  turn_until(loop, [&] { return server->last.has_value(); });
  EXPECT_EQ(server->last->error, IoError::reset);
  EXPECT_EQ(server->write("to nobody").error, IoError::reset);
}

TEST_F(Tcp, takes_no_more_than_the_peer_reads_and_tells_when_there_is_room) {
  join();
  const std::string block(1 << 20, 'x');
  std::size_t sent = 0;
  WriteResult result;
  do {
    result = client->write(block);
    sent += result.bytes;
  } while (result.bytes == block.size());
  client->transport().wait_writable();
  loop.turn(milliseconds{0});
  EXPECT_EQ(client->writables, 0);
  server->read();
  turn_until(loop, [&] { return client->writables > 0; });
  turn_until(loop, [&] { return server->received.size() == sent; });
  EXPECT_EQ(client->writables, 1);
  // Registered by now: a second time works without another registration.
  while (client->write(block).bytes == block.size()) {
  }
  client->transport().wait_writable();
  turn_until(loop, [&] { return client->writables == 2; });
}

TEST_F(Tcp, a_wait_for_room_ends_when_the_connection_breaks) {
  join();
  const std::string block(1 << 20, 'x');
  while (client->write(block).bytes == block.size()) {
  }
  client->transport().wait_writable();
  server->transport().reset_on_close();
  server->close();
  turn_until(loop, [&] { return client->writables == 1; });
  EXPECT_NE(client->write(block).error, IoError::none);
}

TEST_F(Tcp, a_peer_that_never_pauses_does_not_starve_others) {
  join();
  server->buffer.resize(16);  // always filled: there is always more
  const std::string block(1 << 16, 'x');
  client->write(block);
  server->read();
  int turns = 0;
  turn_until(loop, [&] { return ++turns > 0 && server->reads > 0; });
  const int before = server->reads;
  loop.turn(milliseconds{0});
  EXPECT_LE(server->reads - before, 2);
}

TEST_F(Tcp, delivers_nothing_after_destruction_with_a_read_outstanding) {
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

// Destroys another connection while events for both are in the same batch.
class Killer final : public TransportEvents {
 public:
  explicit Killer(Peer& victim) : victim_(victim) {}
  void on_read(ReadResult /*result*/) override { victim_.close(); }
  void on_writable() override {}

 private:
  Peer& victim_;
};

TEST_F(Tcp, an_event_for_a_connection_destroyed_in_the_same_batch_is_dropped) {
  join();
  const auto first_client = std::move(client);
  const auto first_server = std::move(server);
  join();
  Killer kills_second{*server};
  Killer kills_first{*first_server};
  first_server->transport().deliver_to(kills_second);
  server->transport().deliver_to(kills_first);
  first_server->read();
  server->read();
  first_client->write("x");
  client->write("x");
  loop.turn(seconds{5});
  loop.turn(milliseconds{0});
  EXPECT_EQ(first_server->reads + server->reads, 0);
}

TEST_F(Tcp, connects_a_thousand_times) {
  constexpr std::size_t count = 1000;
  std::vector<std::unique_ptr<Connecting>> connecting(count);
  std::vector<Connected> connected(count);
  for (std::size_t i = 0; i < count; ++i) {
    connecting[i] = connector.connect(listener->address(), connected[i]);
    EXPECT_FALSE(connected[i].error);
    if (i % 50 == 49) loop.turn(milliseconds{0});
  }
  turn_until(loop, [&] { return accepted.peers.size() == count; });
  for (const auto& one : connected) EXPECT_EQ(one.error, ConnectError::none);
}

TEST_F(Tcp, a_refused_connection_says_so) {
  const Address address = listener->address();
  listener->close();
  Connected connected;
  const auto connecting = connector.connect(address, connected);
  turn_until(loop, [&] { return connected.error.has_value(); });
  EXPECT_EQ(connected.error, ConnectError::refused);
  EXPECT_EQ(connected.transport, nullptr);
}

TEST_F(Tcp, destroying_a_connecting_gives_up) {
  Connected connected;
  connector.connect(listener->address(), connected).reset();
  loop.turn(milliseconds{0});
  loop.turn(milliseconds{0});
  EXPECT_FALSE(connected.error);
}

TEST_F(Tcp, closing_the_listener_accepts_who_waits_already) {
  Connected connected;
  const auto connecting = connector.connect(listener->address(), connected);
  listener->close();  // on loopback the kernel has shaken hands within connect()
  EXPECT_EQ(accepted.peers.size(), 1U);
  turn_until(loop, [&] { return connected.error.has_value(); });
  EXPECT_EQ(connected.error, ConnectError::none);
}

TEST_F(Tcp, workers_share_an_address_but_processes_do_not) {
  EXPECT_TRUE(ListeningSocket::open(listener->address()));
  const auto answer = address_is_free(listener->address());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_number, EADDRINUSE);
  EXPECT_NE(answer.error().text.find("another process listens there"), std::string::npos);
}

TEST_F(Tcp, without_descriptors_the_listener_rests_and_goes_on) {
  Connected connected;
  const auto connecting = connector.connect(listener->address(), connected);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 5; ++i) loop.turn(milliseconds{1});
  EXPECT_TRUE(accepted.peers.empty());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  turn_until(loop, [&] { return accepted.peers.size() == 1; });
}

struct Bell final : Wakeable {
  int rings = 0;
  void wake() override { ++rings; }
};

TEST(Loop, fires_timers_without_any_event_and_never_early) {
  Loop loop;
  Bell bell;
  Timer timer{bell};
  const Instant start = std::chrono::steady_clock::now();
  loop.scheduler().advance(start);
  loop.scheduler().arm_in(timer, milliseconds{20});
  turn_until(loop, [&] { return bell.rings == 1; });
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds{20});
}

TEST(Loop, runs_what_other_threads_post_in_their_order) {
  Loop loop;
  constexpr int each = 1000;
  std::vector<int> seen[2];
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 2; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < each; ++i) {
          loop.mailbox().post([&, thread, i] { seen[thread].push_back(i); });
        }
      });
    }
    turn_until(loop, [&] { return seen[0].size() + seen[1].size() == 2UL * each; });
  }
  for (const auto& order : seen) {
    ASSERT_EQ(order.size(), static_cast<std::size_t>(each));
    EXPECT_TRUE(std::ranges::is_sorted(order));
  }
}

TEST(Loop, stops_from_another_thread_and_also_before_it_runs) {
  Loop loop;
  std::jthread stopper{[&] { loop.stop(); }};
  loop.run();
  loop.run();
  SUCCEED();
}

TEST(Loop, a_deferred_wakeable_waits_for_the_next_turn_even_when_it_defers_itself) {
  struct Again final : Wakeable {
    explicit Again(Loop& on) : loop(on) {}
    void wake() override {
      ++rings;
      loop.defer(*this);
    }
    Loop& loop;
    int rings = 0;
  };
  Loop loop;
  Again again{loop};
  loop.defer(again);
  loop.turn(seconds{5});
  EXPECT_EQ(again.rings, 1);
  loop.turn(seconds{5});
  EXPECT_EQ(again.rings, 2);
}

}  // namespace
}  // namespace weir::net
