// Promise: opaque TCP goes on as it came until it ends, by itself or by a limit; whatever happens,
// there is one record, and nothing is left behind.

#include <gtest/gtest.h>

#include "support/sim_tunnel.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::TunnelEnd;
using Stage = TunnelStage;

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

TEST(Tunnel, tells_how_much_it_has_carried_when_it_breaks) {
  Stage stage{1};
  stage.apply();
  Talker& caller = stage.call();
  caller.send(body_of(100'000));
  stage.world.run_for(seconds{1});
  stage.servers[0].talkers.at(0)->reset();
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::upstream_reset);
  EXPECT_EQ(stage.record().facts.bytes_received, 100'000U);
  EXPECT_EQ(stage.record().facts.bytes_sent, 100'000U);
}

TEST(Tunnel, is_load_at_its_instance_until_it_ends) {
  Stage stage;
  stage.database().balance.policy = policy::Balancing::least_requests;
  stage.apply();
  const auto calls = [&stage](int count) {
    for (int call = 0; call < count; ++call) {
      stage.call().send("hello");
      stage.world.run_for(milliseconds{10});
    }
  };
  calls(10);
  EXPECT_EQ(stage.servers[0].talkers.size(), 5U);
  EXPECT_EQ(stage.servers[1].talkers.size(), 5U);
  for (auto& talker : stage.servers[1].talkers) talker->reset();
  stage.world.run_for(seconds{1});
  calls(5);
  EXPECT_EQ(stage.servers[0].talkers.size(), 5U);
  EXPECT_EQ(stage.servers[1].talkers.size(), 10U);
  for (auto& caller : stage.callers) caller->end();
  stage.finish(15);
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

TEST(Tunnel, is_not_idle_while_what_was_read_before_is_taken_slowly) {
  Stage stage{1};
  stage.database().tunnel.idle = seconds{4};
  stage.servers[0].link.bytes_per_second = 2'000;
  stage.servers[0].link.window = 1'000;
  stage.servers[0].echoes = false;
  stage.apply();
  Talker& caller = stage.call();
  caller.send(body_of(50'000));
  caller.end();
  stage.world.run_for(seconds{27});
  ASSERT_FALSE(caller.over());
  Talker& server = *stage.servers[0].talkers.at(0);
  EXPECT_EQ(server.heard.size(), 50'000U);
  server.end();
  stage.finish(1);
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
