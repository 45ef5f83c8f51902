#include <gtest/gtest.h>

#include <vector>

#include "endpoint.h"

namespace weir::upstream {
namespace {

using resilience::Failure;
using State = Attempt::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(H2Pool, calls_share_one_connection) {
  Endpoint endpoint;
  const auto first = endpoint.ask("/1");
  const auto second = endpoint.ask("/2");
  ASSERT_EQ(endpoint.servers.size(), 1U);
  Server& server = endpoint.servers[0];
  ASSERT_EQ(server.requests.size(), 2U);
  EXPECT_FALSE(first->attempt.reused_connection());
  EXPECT_TRUE(second->attempt.reused_connection());
  server.requests[1].answer("two");
  server.requests[0].answer("one");
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*first), "one");
  EXPECT_EQ(Endpoint::read(*second), "two");
  EXPECT_EQ(endpoint.pools.connections(), 1U);
}

TEST(H2Pool, a_burst_while_connecting_makes_one_connection_and_one_write) {
  Endpoint endpoint;
  std::vector<Endpoint::Asked> burst;
  for (int i = 0; i < 50; ++i) burst.push_back(endpoint.begin());
  ASSERT_EQ(endpoint.pending.size(), 1U);
  Server& server = endpoint.accept();
  for (auto& asked : burst) {
    ASSERT_EQ(asked->attempt.state(), State::connected);
    asked->attempt.send(Endpoint::get("/"));
  }
  endpoint.scheduler.turn(endpoint.scheduler.now());
  EXPECT_EQ(server.peer.writes(), 1);
  endpoint.settle();
  EXPECT_EQ(server.requests.size(), 50U);
  EXPECT_EQ(burst[0]->watcher.woken, 1);
}

TEST(H2Pool, policy_limits_the_streams_of_a_connection) {
  Endpoint endpoint;
  endpoint.policy.pool.streams = 2;
  std::vector<Endpoint::Asked> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(endpoint.ask("/"));
  ASSERT_EQ(endpoint.servers.size(), 3U);
  EXPECT_EQ(endpoint.servers[0].requests.size(), 2U);
  EXPECT_EQ(endpoint.servers[2].requests.size(), 1U);
}

TEST(H2Pool, a_burst_waits_on_as_many_connections_as_can_carry_it) {
  Endpoint endpoint;
  endpoint.policy.pool.streams = 2;
  std::vector<Endpoint::Asked> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(endpoint.begin());
  EXPECT_EQ(endpoint.pending.size(), 3U);
}

TEST(H2Pool, more_than_a_peer_takes_before_its_settings_never_waits_on_one_connection) {
  Endpoint endpoint;
  endpoint.policy.pool.streams = 1000;
  std::vector<Endpoint::Asked> asked;
  for (int i = 0; i < 150; ++i) asked.push_back(endpoint.begin());
  ASSERT_EQ(endpoint.pending.size(), 2U);
  endpoint.accept();
  endpoint.accept();
  for (auto& one : asked) one->attempt.send(Endpoint::get("/"));
  endpoint.settle();
  for (auto& one : asked) EXPECT_EQ(one->attempt.state(), State::waiting);
}

TEST(H2Pool, the_peers_settings_limit_the_streams_of_a_connection) {
  Endpoint endpoint;
  endpoint.settings.concurrent_streams = 1;
  const auto first = endpoint.ask("/1");
  const auto second = endpoint.ask("/2");
  EXPECT_EQ(endpoint.servers.size(), 2U);
  endpoint.servers[0].requests[0].answer("");
  endpoint.settle();
  const auto third = endpoint.ask("/3");
  EXPECT_EQ(endpoint.servers.size(), 2U);
  EXPECT_EQ(endpoint.servers[0].requests.size(), 2U);
}

TEST(H2Pool, the_limit_of_connections_holds_for_both_versions_together) {
  Endpoint endpoint;
  endpoint.policy.pool.connections = 1;
  endpoint.policy.pool.streams = 1;
  const auto first = endpoint.ask("/1");
  const auto second = endpoint.begin();
  EXPECT_EQ(second->attempt.state(), State::failed);
  EXPECT_EQ(second->attempt.failure(), Failure::connection_limit);
  Watcher watcher;
  Attempt third{endpoint.pools, watcher};
  auto lease = endpoint.cluster->pick({}, endpoint.scheduler.now());
  third.start(std::move(*lease), endpoint.policy, Freshness::any, Wire::http_1_1);
  EXPECT_EQ(third.failure(), Failure::connection_limit);
}

TEST(H2Pool, streams_share_a_connection_only_with_those_of_the_same_address) {
  Endpoint endpoint;
  endpoint.cluster = cluster::Cluster::make(endpoint.policy, "", 1, endpoint.scheduler.now());
  std::vector<Endpoint::Asked> asked;
  for (const std::uint8_t caller : std::initializer_list<std::uint8_t>{1, 2, 1, 2}) {
    Approach approach{endpoint.policy};
    approach.ends = Ends{*Address::parse("192.0.2.1:8080"), Address::v4({10, 0, 0, caller}, 0)};
    auto& one = asked.emplace_back(std::make_unique<Endpoint::Try>(endpoint.pools));
    one->attempt.start(*endpoint.cluster->pick({}, endpoint.scheduler.now()), approach,
                       Freshness::any, Wire::http_2);
    while (!endpoint.pending.empty()) endpoint.accept();
    one->attempt.send(Endpoint::get("/"));
    endpoint.settle();
  }
  ASSERT_EQ(endpoint.servers.size(), 2U);
  for (const Server& server : endpoint.servers) EXPECT_EQ(server.requests.size(), 2U);
}

TEST(H2Pool, a_call_goes_where_others_are_so_that_the_rest_falls_idle) {
  Endpoint endpoint;
  endpoint.policy.pool.streams = 2;
  std::vector<Endpoint::Asked> asked;
  for (int i = 0; i < 4; ++i) asked.push_back(endpoint.ask("/"));
  ASSERT_EQ(endpoint.servers.size(), 2U);
  for (int i : {2, 3}) endpoint.servers[1].requests[static_cast<std::size_t>(i - 2)].answer("");
  endpoint.settle();
  endpoint.servers[0].requests[0].answer("");
  endpoint.settle();
  const auto next = endpoint.ask("/next");
  EXPECT_EQ(endpoint.servers[0].requests.size(), 3U);
  EXPECT_EQ(endpoint.servers[1].requests.size(), 2U);
}

TEST(H2Pool, an_idle_connection_says_goodbye_and_closes) {
  Endpoint endpoint;
  auto asked = endpoint.ask("/");
  endpoint.servers[0].requests[0].answer("");
  endpoint.settle();
  asked.reset();
  endpoint.pass(seconds{3});
  EXPECT_EQ(endpoint.pools.connections(), 1U);
  endpoint.pass(seconds{2});
  EXPECT_EQ(endpoint.pools.connections(), 0U);
  EXPECT_TRUE(endpoint.servers[0].peer.was_closed());
  EXPECT_FALSE(endpoint.servers[0].peer.was_reset());
  EXPECT_EQ(endpoint.recorder.closes(net::Closed::idle), 1);
  EXPECT_EQ(endpoint.recorder.resets, 0);
}

TEST(H2Pool, a_call_keeps_a_connection_from_being_idle) {
  Endpoint endpoint;
  endpoint.ask("/");
  const auto stays = endpoint.ask("/");
  endpoint.pass(seconds{60});
  EXPECT_EQ(endpoint.pools.connections(), 1U);
  EXPECT_EQ(endpoint.servers.size(), 1U);
}

TEST(H2Pool, a_connection_leaves_when_its_requests_are_used_up) {
  Endpoint endpoint;
  endpoint.policy.pool.requests = 2;
  auto first = endpoint.ask("/1");
  auto second = endpoint.ask("/2");
  auto third = endpoint.ask("/3");
  ASSERT_EQ(endpoint.servers.size(), 2U);
  for (auto& request : endpoint.servers[0].requests) request.answer("whole");
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*first), "whole");
  EXPECT_EQ(Endpoint::read(*second), "whole");
  EXPECT_TRUE(endpoint.servers[0].peer.was_closed());
  EXPECT_EQ(endpoint.recorder.closes(net::Closed::limit), 1);
}

TEST(H2Pool, a_connection_that_sent_many_resets_is_relieved_by_a_fresh_one) {
  Endpoint endpoint;
  const auto stays = endpoint.ask("/stays");
  for (std::uint32_t i = 0; i < H2Connection::resets_limit; ++i) {
    EXPECT_EQ(endpoint.servers.size(), 1U);
    endpoint.ask("/cancelled").reset();
    endpoint.settle();
  }
  EXPECT_EQ(endpoint.recorder.resets, static_cast<int>(H2Connection::resets_limit));
  const auto next = endpoint.ask("/next");
  ASSERT_EQ(endpoint.servers.size(), 2U);
  endpoint.servers[0].requests[0].answer("unharmed");
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*stays), "unharmed");
  EXPECT_TRUE(endpoint.servers[0].peer.was_closed());
  EXPECT_EQ(next->attempt.state(), State::waiting);
}

// A peer that vanished without a word must not keep getting the calls.
TEST(H2Pool, a_connection_that_has_long_been_silent_is_not_used_again) {
  Endpoint endpoint;
  auto lost = endpoint.ask("/lost");
  endpoint.servers[0].listens = false;
  endpoint.pass(milliseconds{400});
  auto also = endpoint.ask("/also");
  also.reset();
  EXPECT_EQ(endpoint.servers.size(), 1U);
  endpoint.pass(milliseconds{700});
  lost.reset();
  const auto next = endpoint.ask("/next");
  EXPECT_EQ(endpoint.servers.size(), 2U);
}

TEST(H2Pool, retired_pools_close_idle_connections_at_once_and_others_after_their_streams) {
  Endpoint endpoint;
  endpoint.policy.pool.streams = 1;
  const auto busy = endpoint.ask("/busy");
  endpoint.ask("/idle");
  endpoint.settle();
  endpoint.pools.close_idle();
  EXPECT_EQ(endpoint.pools.connections(), 1U);
  endpoint.servers[0].requests[0].answer("last");
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*busy), "last");
  EXPECT_EQ(endpoint.pools.connections(), 0U);
  EXPECT_EQ(endpoint.recorder.closes(net::Closed::drain), 2);
}

TEST(H2Pool, whoever_waits_fails_with_the_connection_and_nobody_else) {
  Endpoint endpoint;
  const auto first = endpoint.begin();
  const auto second = endpoint.begin();
  endpoint.refuse(net::ConnectError::refused);
  for (const auto* asked : {&first, &second}) {
    EXPECT_EQ((*asked)->attempt.failure(), Failure::connect_refused);
    EXPECT_FALSE((*asked)->attempt.bytes_written());
  }
  endpoint.settle();
  EXPECT_EQ(first->watcher.woken, 1);
  EXPECT_EQ(endpoint.pools.connections(), 0U);
  EXPECT_EQ(endpoint.recorder.opened, 0);
  const auto third = endpoint.ask("/");
  EXPECT_EQ(third->attempt.state(), State::waiting);
}

TEST(H2Pool, each_that_waits_has_its_own_timeout_and_the_last_gives_the_connection_up) {
  Endpoint endpoint;
  const auto first = endpoint.begin();
  endpoint.pass(milliseconds{60});
  const auto second = endpoint.begin();
  EXPECT_EQ(endpoint.pending.size(), 1U);
  endpoint.pass(milliseconds{60});
  EXPECT_EQ(first->attempt.failure(), Failure::connect_timeout);
  EXPECT_EQ(second->attempt.state(), State::connecting);
  const auto third = endpoint.begin();  // the first connection has taken too long
  EXPECT_EQ(endpoint.pending.size(), 2U);
  endpoint.pass(milliseconds{60});
  EXPECT_EQ(second->attempt.failure(), Failure::connect_timeout);
  EXPECT_EQ(endpoint.pending.size(), 1U);
  endpoint.pass(milliseconds{60});
  EXPECT_EQ(endpoint.pools.connections(), 0U);
}

TEST(H2Pool, a_fresh_connection_is_one_that_carried_nothing) {
  Endpoint endpoint;
  const auto first = endpoint.ask("/");
  const auto again = endpoint.begin(Attempt::Connection::fresh);
  const auto other = endpoint.begin(Attempt::Connection::fresh);
  EXPECT_EQ(endpoint.pending.size(), 1U);
  EXPECT_EQ(endpoint.pools.connections(), 2U);
}

}  // namespace
}  // namespace weir::upstream
