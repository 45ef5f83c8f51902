// Promise: opaque TCP goes on as it came, to an instance that takes it; whatever happens, there is
// one record, and nothing is left behind.

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "support/sim_network.h"
#include "support/sim_peer.h"
#include "support/sim_policy.h"
#include "support/sim_recorder.h"
#include "weir/proxy/worker.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::TunnelEnd;

const Address listener = Address::v4({127, 0, 0, 1}, 15'432);

// Somebody at either end, who remembers what came.
class Talker final : public Peer {
 public:
  using Peer::Peer;
  std::string heard;
  bool ended = false;
  bool broken = false;
  bool echoes = false;

 private:
  void on_bytes(std::string_view bytes) override {
    heard += bytes;
    if (echoes) send(bytes);
  }
  void on_end() override {
    ended = true;
    if (echoes) end();
  }
  void on_reset() override { broken = true; }
};

class Server final : public Listening {
 public:
  Answer takes = Answer::accept;
  bool resets = false;  // whoever it has accepted
  bool echoes = true;
  LinkTraits link;
  std::deque<std::unique_ptr<Talker>> talkers;

 private:
  Answer answer() override { return takes; }
  Duration delay() override { return milliseconds{1}; }
  LinkTraits traits() override { return link; }
  void accept(std::shared_ptr<Link> made) override {
    talkers.push_back(std::make_unique<Talker>(std::move(made)));
    talkers.back()->echoes = echoes;
    if (resets) talkers.back()->reset();
  }
};

struct Stage {
  explicit Stage(std::uint8_t instances = 2) {
    policy::Upstream database = upstream("database", instances);
    database.balance.policy = policy::Balancing::round_robin;
    database.failover.minimum_per_second = 10;
    service.upstreams.push_back(database);
    service.outbound.emplace();
    service.outbound->listen = Address::v4({127, 0, 0, 1}, 15'001);
    service.outbound->tcp.push_back({listener, "database"});
    servers.resize(instances);
    for (std::size_t i = 0; i < instances; ++i) {
      connector.listen(database.endpoints[i].address, servers[i]);
    }
  }
  policy::Upstream& database() { return service.upstreams.front(); }

  void apply() { worker.apply(clusters.compile(service, world.now())); }
  std::unique_ptr<net::Transport> arrival() {
    auto link = std::make_shared<Link>(world, LinkTraits{});
    callers.push_back(std::make_unique<Talker>(link));
    return std::make_unique<SimTransport>(link, Address::v4({127, 0, 0, 1}, 40'000), holdings);
  }
  Talker& call() {
    worker.accept({telemetry::Direction::outbound, listener}, arrival());
    return *callers.back();
  }
  Talker& call(const Address& destination) {
    worker.accept_tunnel({.direction = telemetry::Direction::outbound,
                          .transport = arrival(),
                          .destination = destination});
    return *callers.back();
  }
  std::size_t connections() const {
    std::size_t all = 0;
    for (const Server& server : servers) all += server.talkers.size();
    return all;
  }
  const Kept& record() const { return recorder.records.back(); }
  TunnelEnd end() const { return record().facts.tunnel->end; }
  // Exactly one record for each, and nothing else.
  void finish(std::size_t tunnels) {
    world.run_for(seconds{5});
    EXPECT_EQ(recorder.records.size(), tunnels);
    EXPECT_EQ(recorder.tunnels_started, tunnels);
    EXPECT_EQ(worker.tunnels(), 0U);
    EXPECT_EQ(holdings.transports, 0U);
    EXPECT_EQ(holdings.connecting, 0U);
    EXPECT_EQ(recorder.downstream_open, 0);
    EXPECT_EQ(recorder.upstream_open, 0);
    for (const auto& cluster : clusters.status(world.now())) {
      EXPECT_EQ(cluster.concurrent, 0U);
      for (const auto& endpoint : cluster.endpoints) EXPECT_EQ(endpoint.outstanding, 0U);
    }
  }

  World world{1};
  RecordingRecorder recorder{world};
  Holdings holdings;
  SimConnector connector{world, holdings};
  proxy::ProcessCounts counts;
  proxy::Clusters clusters{1};
  proxy::Worker worker{world.scheduler(), world, connector, recorder, counts, 1};
  policy::Service service;
  std::deque<Server> servers;
  std::deque<std::unique_ptr<Talker>> callers;
};

TEST(Tunnel, carries_both_ways_and_keeps_a_half_closed_side_open) {
  Stage stage;
  stage.apply();
  stage.servers[0].echoes = stage.servers[1].echoes = false;
  Talker& caller = stage.call();
  caller.send(body_of(300'000));
  caller.end();
  stage.world.run_for(seconds{1});
  ASSERT_EQ(stage.connections(), 1U);
  Talker& server =
      *(stage.servers[0].talkers.empty() ? stage.servers[1] : stage.servers[0]).talkers[0];
  EXPECT_EQ(server.heard.size(), 300'000U);
  EXPECT_TRUE(is_body(server.heard, 0));
  EXPECT_TRUE(server.ended);
  EXPECT_FALSE(caller.ended);
  server.send(body_of(200'000));
  server.end();
  stage.world.run_for(seconds{1});
  EXPECT_TRUE(is_body(caller.heard, 0));
  EXPECT_EQ(caller.heard.size(), 200'000U);
  EXPECT_TRUE(caller.ended);
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::closed);
  EXPECT_EQ(stage.record().facts.failure, Failure::none);
  EXPECT_EQ(stage.record().facts.bytes_received, 300'000U);
  EXPECT_EQ(stage.record().facts.bytes_sent, 200'000U);
  EXPECT_EQ(stage.record().upstream, "database");
}

TEST(Tunnel, fails_over_before_the_first_byte) {
  using Answer = Listening::Answer;
  for (const Answer answer : {Answer::refuse, Answer::black_hole, Answer::unreachable}) {
    Stage stage;
    stage.apply();
    stage.servers[0].takes = answer;
    for (int call = 0; call < 2; ++call) {
      Talker& caller = stage.call();
      caller.send("hello");
      caller.end();
      stage.world.run_for(seconds{3});
      EXPECT_EQ(caller.heard, "hello");
      EXPECT_TRUE(caller.ended);
    }
    stage.finish(2);
    const auto& records = stage.recorder.records;
    const std::size_t attempts = records[0].facts.attempt_count + records[1].facts.attempt_count;
    EXPECT_EQ(attempts, 3U) << "one of the two met the dead instance";
  }
}

TEST(Tunnel, fails_over_when_the_instance_breaks_before_any_byte_has_moved) {
  Stage stage;
  stage.apply();
  stage.servers[0].resets = true;
  Talker& one = stage.call();
  Talker& two = stage.call();
  stage.world.run_for(milliseconds{100});
  EXPECT_EQ(stage.servers[1].talkers.size(), 2U);
  for (Talker* caller : {&one, &two}) {
    caller->send("hello");
    caller->end();
  }
  stage.world.run_for(seconds{1});
  EXPECT_EQ(one.heard, "hello");
  EXPECT_EQ(two.heard, "hello");
  stage.finish(2);
}

TEST(Tunnel, that_nobody_takes_resets_its_caller_within_the_connect_budget) {
  Stage stage;
  stage.database().connect_timeout = milliseconds{400};
  stage.database().tunnel.connect_budget = milliseconds{500};
  stage.apply();
  for (Server& server : stage.servers) server.takes = Listening::Answer::black_hole;
  Talker& caller = stage.call();
  stage.world.run_for(milliseconds{510});
  EXPECT_TRUE(caller.broken);
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::not_established);
  EXPECT_EQ(stage.record().facts.failure, Failure::connect_timeout);
  EXPECT_EQ(stage.record().facts.attempt_count, 2U);
}

TEST(Tunnel, ejects_an_instance_that_does_not_take_connections) {
  Stage stage;
  stage.database().ejection.enabled = true;
  stage.apply();
  stage.servers[0].takes = Listening::Answer::refuse;
  for (int call = 0; call < 20; ++call) {
    stage.call().end();
    stage.world.run_for(milliseconds{100});
  }
  EXPECT_GE(stage.clusters.status(stage.world.now()).front().ejections, 1U);
  stage.finish(20);
}

TEST(Tunnel, hands_a_reset_on_as_a_reset_in_both_directions) {
  for (const bool by_caller : {true, false}) {
    Stage stage;
    stage.apply();
    Talker& caller = stage.call();
    caller.send("hello");
    stage.world.run_for(milliseconds{100});
    Server& used = stage.servers[0].talkers.empty() ? stage.servers[1] : stage.servers[0];
    Talker& server = *used.talkers.at(0);
    (by_caller ? caller : server).reset();
    stage.world.run_for(milliseconds{100});
    EXPECT_TRUE((by_caller ? server : caller).broken);
    stage.finish(1);
    EXPECT_EQ(stage.end(), by_caller ? TunnelEnd::caller_reset : TunnelEnd::upstream_reset);
  }
}

TEST(Tunnel, does_not_read_ahead_of_a_server_that_does_not_read) {
  Stage stage{1};
  stage.apply();
  stage.servers[0].echoes = false;
  Talker& caller = stage.call();
  stage.world.run_for(milliseconds{10});
  Talker& server = *stage.servers[0].talkers.at(0);
  server.pause();
  caller.send(body_of(10'000'000));
  stage.world.run_for(seconds{10});
  EXPECT_GT(caller.unsent(), 9'000'000U);
  server.resume();
  caller.end();
  stage.world.run_for(seconds{60});
  EXPECT_EQ(server.heard.size(), 10'000'000U);
  EXPECT_TRUE(is_body(server.heard, 0));
  server.end();
  stage.finish(1);
}

TEST(Tunnel, ends_when_nothing_has_moved_for_the_idle_limit_and_no_sooner) {
  Stage stage;
  stage.database().tunnel.idle = seconds{40};
  stage.apply();
  Talker& caller = stage.call();
  for (int i = 0; i < 5; ++i) {
    caller.send("still here");
    stage.world.run_for(seconds{30});
    EXPECT_FALSE(caller.over());
  }
  stage.world.run_for(seconds{21});
  EXPECT_TRUE(caller.broken);
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::idle);
}

TEST(Tunnel, ends_at_its_maximum_age_however_busy) {
  Stage stage;
  stage.database().tunnel.maximum_age = seconds{10};
  stage.apply();
  Talker& caller = stage.call();
  for (int i = 0; i < 9; ++i) {
    caller.send("busy");
    stage.world.run_for(seconds{1});
  }
  EXPECT_FALSE(caller.over());
  stage.world.run_for(seconds{2});
  EXPECT_TRUE(caller.broken);
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::age);
}

TEST(Tunnel, waits_for_a_permit_no_longer_than_it_may_take_to_connect) {
  Stage stage;
  stage.database().bulkhead = {.concurrent = 1, .queue = 1};
  stage.database().tunnel.connect_budget = milliseconds{500};
  stage.apply();
  Talker& first = stage.call();
  Talker& second = stage.call();
  Talker& third = stage.call();
  stage.world.run_for(milliseconds{50});
  EXPECT_TRUE(third.broken) << "there is no place for it";
  EXPECT_EQ(stage.connections(), 1U);
  stage.world.run_for(seconds{1});
  EXPECT_TRUE(second.broken);
  first.end();
  stage.finish(3);
}

TEST(Tunnel, goes_on_during_a_drain_that_it_cannot_outlast) {
  Stage stage;
  stage.service.process.drain = seconds{10};
  stage.apply();
  Talker& leaving = stage.call();
  Talker& staying = stage.call();
  stage.world.run_for(milliseconds{100});
  bool drained = false;
  stage.worker.drain([&] { drained = true; });
  leaving.send("goodbye");
  stage.world.run_for(seconds{1});
  EXPECT_EQ(leaving.heard, "goodbye");
  leaving.end();
  stage.world.run_for(seconds{7});
  EXPECT_FALSE(staying.over());
  EXPECT_FALSE(drained);
  stage.world.run_for(seconds{2});
  EXPECT_TRUE(staying.broken);
  EXPECT_TRUE(drained);
  stage.finish(2);
  EXPECT_EQ(stage.end(), TunnelEnd::drain);
}

TEST(Tunnel, of_an_intercepted_connection_goes_to_the_upstream_that_has_the_address) {
  Stage stage{1};
  const Address virtual_one = Address::v4({10, 96, 0, 7}, 5432);
  stage.database().addresses.push_back(virtual_one);
  stage.apply();
  for (const Address& to : {virtual_one, stage.database().endpoints[0].address}) {
    Talker& caller = stage.call(to);
    caller.send("hello");
    caller.end();
    stage.world.run_for(seconds{1});
    EXPECT_EQ(caller.heard, "hello");
    EXPECT_EQ(stage.record().upstream, "database");
    EXPECT_EQ(stage.record().facts.tunnel->destination, to);
  }
  stage.finish(2);
}

TEST(Tunnel, to_somewhere_else_passes_through_or_is_refused_as_policy_says) {
  Stage stage{1};
  const Address elsewhere = Address::v4({192, 0, 2, 1}, 4'000);
  Server server;
  stage.connector.listen(elsewhere, server);
  stage.apply();
  Talker& caller = stage.call(elsewhere);
  caller.send("hello");
  caller.end();
  stage.world.run_for(seconds{1});
  EXPECT_EQ(caller.heard, "hello");
  EXPECT_EQ(stage.record().upstream, "passthrough");
  stage.service.outbound->intercept.unmatched = policy::Interception::Unmatched::refuse;
  stage.apply();
  Talker& refused = stage.call(elsewhere);
  stage.world.run_for(seconds{1});
  EXPECT_TRUE(refused.broken);
  stage.finish(2);
  EXPECT_EQ(stage.record().facts.failure, Failure::no_route);
  EXPECT_EQ(stage.recorder.refused["unmatched"], 1U);
}

// Fail operation N of the network for N = 0, 1, 2 ... until none is left to fail.
TEST(Tunnel, leaves_one_record_and_nothing_else_whatever_operation_fails) {
  bool failing = true;
  for (std::uint64_t number = 0; failing; ++number) {
    ASSERT_LT(number, 500U);
    Stage stage;
    stage.apply();
    stage.world.fail_operation(number);
    Talker& caller = stage.call();
    caller.send(body_of(100'000));
    caller.end();
    stage.world.run_for(minutes{1});
    caller.close();
    for (Server& server : stage.servers) {
      for (auto& talker : server.talkers) talker->close();
    }
    failing = number < stage.world.operations();
    stage.finish(1);
  }
}

}  // namespace
}  // namespace weir::sim
