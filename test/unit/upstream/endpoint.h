// An upstream with one endpoint, its recorder and the pools towards it, for the tests of attempts.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "counting_recorder.h"
#include "server.h"
#include "weir/cluster/cluster.h"
#include "weir/upstream/attempt.h"

namespace weir::upstream {

struct Watcher final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

struct Endpoint final : net::Connector {
  Endpoint() {
    policy.name = "catalog";
    policy.protocol = policy::Protocol::http_2;
    policy.endpoints.emplace_back().address = Address::v4({10, 0, 0, 9}, 8080);
  }

  // net::Connector: a connect stands until accept() or refuse().
  std::unique_ptr<net::Connecting> connect(const net::Target& to,
                                           net::ConnectEvents& events) override {
    dialled.emplace(to);
    auto made = std::make_unique<Pending>(*this, events);
    pending.push_back(made.get());
    return made;
  }
  Server& accept() {
    Server& server = servers.emplace_back(settings, scheduler.now());
    net::ConnectEvents& events = pending.front()->events;
    events.on_connect(server.peer.connect(), net::ConnectError::none);
    return server;
  }
  void refuse(net::ConnectError error) { pending.front()->events.on_connect(nullptr, error); }

  struct Try {
    explicit Try(Pools& pools) : attempt(pools, watcher) {}
    Watcher watcher;
    Attempt attempt;
  };
  using Asked = std::unique_ptr<Try>;

  // An attempt that sends `head` as soon as it is connected.
  Asked begin(Attempt::Connection connection = Attempt::Connection::any) {
    if (!cluster) cluster = cluster::Cluster::make(policy, "", 1, scheduler.now());
    auto asked = std::make_unique<Try>(pools);
    auto lease = cluster->pick({}, scheduler.now());
    EXPECT_TRUE(lease);
    if (lease) asked->attempt.start(std::move(*lease), policy, connection, Wire::http_2);
    return asked;
  }
  static http::RequestHead get(std::string_view target) {
    http::RequestHead head;
    head.method_text = "GET";
    head.target = target;
    head.authority = "catalog";
    return head;
  }
  static http::RequestHead post(std::string_view target) {
    http::RequestHead head = get(target);
    head.method = http::Method::post;
    head.method_text = "POST";
    head.body = http::BodyLength::chunked();
    return head;
  }
  // Begun, connected if it was not, sent, and seen by the endpoint.
  Asked ask(const http::RequestHead& head) {
    Asked asked = begin();
    if (asked->attempt.state() == Attempt::State::connecting && !pending.empty()) accept();
    if (asked->attempt.state() == Attempt::State::connected) asked->attempt.send(head);
    settle();
    return asked;
  }
  Asked ask(std::string_view target) { return ask(get(target)); }

  // Everything that can happen without time passing.
  void settle() {
    for (bool moved = true; moved;) {
      scheduler.turn(scheduler.now());
      moved = false;
      for (Server& server : servers) moved = server.turn(scheduler.now()) || moved;
    }
  }
  void pass(Duration time) {
    scheduler.turn(scheduler.now() + time);
    settle();
  }

  // What `asked` has to read now.
  static std::string read(Try& asked) {
    std::string text;
    for (;;) {
      const http::Pull pulled = asked.attempt.body().pull();
      if (pulled.state != http::Pull::State::data) return text;
      text.append(pulled.bytes.data(), pulled.bytes.size());
      asked.attempt.body().consume(pulled.bytes.size());
    }
  }
  static http::Pull::State end_of(Try& asked) { return asked.attempt.body().pull().state; }

  struct Pending final : net::Connecting {
    Pending(Endpoint& of, net::ConnectEvents& with) : endpoint(of), events(with) {}
    ~Pending() override { std::erase(endpoint.pending, this); }
    Endpoint& endpoint;
    net::ConnectEvents& events;
  };

  policy::Upstream policy;
  codec::H2Settings settings;  // of the servers made from now on
  Scheduler scheduler{Instant{std::chrono::seconds{1000}}};
  Random random{1};
  CountingRecorder recorder;
  std::vector<Pending*> pending;
  std::optional<net::Target> dialled;  // of the last connect
  std::deque<Server> servers;
  std::shared_ptr<cluster::Cluster> cluster;
  Pools pools{scheduler, *this, random, recorder};
};

}  // namespace weir::upstream
