// A weir with a port of opaque TCP, its callers, and the instances behind it.
#pragma once

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
  Duration connects_in = std::chrono::milliseconds{1};
  LinkTraits link;
  std::deque<std::unique_ptr<Talker>> talkers;

 private:
  Answer answer() override { return takes; }
  Duration delay() override { return connects_in; }
  LinkTraits traits() override { return link; }
  void accept(std::shared_ptr<Link> made) override {
    talkers.push_back(std::make_unique<Talker>(std::move(made)));
    talkers.back()->echoes = echoes;
    if (resets) talkers.back()->reset();
  }
};

struct TunnelStage {
  explicit TunnelStage(std::uint8_t instances = 2) {
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
  // Of all instances.
  std::size_t connections() const {
    std::size_t all = 0;
    for (const Server& server : servers) all += server.talkers.size();
    return all;
  }
  const Kept& record() const { return recorder.records.back(); }
  telemetry::TunnelEnd end() const { return record().facts.tunnel->end; }
  // Exactly one record for each, and nothing else.
  void finish(std::size_t tunnels) {
    world.run_for(std::chrono::seconds{5});
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

  Address listener = Address::v4({127, 0, 0, 1}, 15'432);
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

}  // namespace weir::sim
