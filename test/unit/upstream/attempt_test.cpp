#include "weir/upstream/attempt.h"

#include <gtest/gtest.h>

#include <string>

#include "endpoint.h"

namespace weir::upstream {
namespace {

using resilience::Failure;
using State = Attempt::State;

// An endpoint that speaks HTTP/1.1: the test writes its answers.
struct H1Endpoint {
  H1Endpoint() { endpoint.settle(); }

  Endpoint::Asked begin() {
    auto& cluster = endpoint.cluster;
    if (!cluster) cluster = cluster::Cluster::make(endpoint.policy, "", 1, now());
    auto asked = std::make_unique<Endpoint::Try>(endpoint.pools);
    auto lease = cluster->pick({}, now());
    EXPECT_TRUE(lease);
    if (lease) {
      Approach approach{endpoint.policy};
      if (from) approach.ends = Ends{*called(), from};
      asked->attempt.start(std::move(*lease), approach, Freshness::any, Wire::http_1_1);
    }
    if (asked->attempt.state() == State::connecting && !endpoint.pending.empty()) {
      endpoint.accept().session_speaks = false;
      endpoint.servers.back().listens = false;
    }
    return asked;
  }
  Endpoint::Asked ask(std::string_view target) {
    auto asked = begin();
    asked->attempt.send(Endpoint::get(target));
    endpoint.settle();
    return asked;
  }
  net::FakePeer& peer(std::size_t index = 0) { return endpoint.servers[index].peer; }
  void answer(std::string_view text, std::size_t index = 0) {
    peer(index).send(text);
    endpoint.settle();
  }
  static std::optional<Address> called() { return Address::parse("192.0.2.1:8080"); }
  Instant now() const { return endpoint.scheduler.now(); }

  Endpoint endpoint;
  std::optional<Address> from;  // whose address the next attempt uses
};

constexpr std::string_view hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(Attempt, an_http_1_1_connection_carries_one_call_after_the_other) {
  H1Endpoint h1;
  for (const bool reused : {false, true}) {
    const auto asked = h1.ask("/");
    EXPECT_EQ(asked->attempt.reused_connection(), reused);
    EXPECT_TRUE(asked->attempt.bytes_written());
    EXPECT_TRUE(h1.peer().received().starts_with("GET / HTTP/1.1\r\n"));
    h1.answer(hello);
    ASSERT_EQ(asked->attempt.state(), State::responding);
    EXPECT_EQ(Endpoint::read(*asked), "hello");
  }
  EXPECT_EQ(h1.endpoint.servers.size(), 1U);
  EXPECT_EQ(h1.endpoint.pools.connections(), 1U);
}

TEST(Attempt, a_connection_that_was_not_used_after_all_is_kept) {
  H1Endpoint h1;
  h1.begin().reset();
  EXPECT_EQ(h1.endpoint.pools.connections(), 1U);
  const auto asked = h1.ask("/");
  EXPECT_EQ(h1.endpoint.servers.size(), 1U);
  EXPECT_FALSE(asked->attempt.reused_connection());
}

TEST(Attempt, a_connection_that_ends_before_it_is_used_fails_with_nothing_written) {
  H1Endpoint h1;
  const auto asked = h1.begin();
  h1.peer().end();
  h1.endpoint.settle();
  EXPECT_EQ(asked->attempt.state(), State::failed);
  EXPECT_FALSE(asked->attempt.bytes_written());
  asked->attempt.release();
  h1.endpoint.settle();
  EXPECT_EQ(h1.endpoint.pools.connections(), 0U);
}

TEST(Attempt, cancelling_an_http_1_1_call_closes_its_connection) {
  H1Endpoint h1;
  h1.ask("/").reset();
  h1.endpoint.settle();
  EXPECT_TRUE(h1.peer().was_closed());
  EXPECT_EQ(h1.endpoint.recorder.resets, 0);
}

// An application that is called from its callers' addresses.
TEST(Attempt, connections_are_shared_only_by_those_who_call_from_the_same_address) {
  H1Endpoint h1;
  h1.endpoint.policy.pool.connections = 3;
  h1.endpoint.policy.pool.idle = 2;
  const auto ask = [&h1](std::uint8_t caller) {
    h1.from = Address::v4({10, 0, 0, caller}, 0);
    const auto asked = h1.ask("/");
    EXPECT_EQ(h1.endpoint.dialled->source, h1.from);
    EXPECT_EQ(h1.endpoint.dialled->address, *h1.called());
    h1.answer(hello, h1.endpoint.servers.size() - 1);
    EXPECT_EQ(Endpoint::read(*asked), "hello");
    return asked->attempt.reused_connection();
  };
  EXPECT_FALSE(ask(1));
  EXPECT_FALSE(ask(2));
  EXPECT_TRUE(ask(2));
  // Of three that are idle the one that has been so the longest goes.
  EXPECT_FALSE(ask(3));
  h1.endpoint.settle();
  EXPECT_EQ(h1.endpoint.pools.connections(), 2U);
  EXPECT_TRUE(h1.peer(0).was_closed());
  EXPECT_FALSE(h1.peer(1).was_closed());
}

TEST(Attempt, an_idle_connection_of_others_makes_room_where_the_limit_is_reached) {
  H1Endpoint h1;
  h1.endpoint.policy.pool.connections = 1;
  h1.from = Address::v4({10, 0, 0, 1}, 0);
  h1.begin().reset();
  h1.from = Address::v4({10, 0, 0, 2}, 0);
  const auto second = h1.begin();
  h1.endpoint.settle();
  EXPECT_TRUE(h1.peer(0).was_closed());
  EXPECT_EQ(second->attempt.state(), State::connected);
  h1.from = Address::v4({10, 0, 0, 1}, 0);
  const auto third = h1.begin();
  EXPECT_EQ(third->attempt.failure(), Failure::connection_limit);
}

TEST(Wire, is_what_policy_says_and_http_2_by_itself_only_for_grpc) {
  using policy::Protocol;
  enum class Asks : std::uint8_t { get, grpc, upgrade, connect };
  struct Row {
    Protocol protocol;
    Asks asks;
    Wire wire;
  };
  for (const Row& row : {Row{Protocol::automatic, Asks::get, Wire::http_1_1},
                         Row{Protocol::automatic, Asks::grpc, Wire::http_2},
                         Row{Protocol::automatic, Asks::upgrade, Wire::http_1_1},
                         Row{Protocol::automatic, Asks::connect, Wire::http_1_1},
                         Row{Protocol::http_2, Asks::get, Wire::http_2},
                         Row{Protocol::http_2, Asks::upgrade, Wire::http_2},
                         Row{Protocol::http_1_1, Asks::grpc, Wire::http_1_1}}) {
    policy::Upstream upstream;
    upstream.protocol = row.protocol;
    auto head = Endpoint::get("/");
    if (row.asks == Asks::grpc) head.fields.add(http::Name::content_type, "application/grpc");
    if (row.asks == Asks::upgrade) head.upgrade = "websocket";
    if (row.asks == Asks::connect) head.method = http::Method::connect;
    EXPECT_EQ(wire_for(upstream, head), row.wire);
  }
}

}  // namespace
}  // namespace weir::upstream
