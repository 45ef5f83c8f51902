// Promise: a tunnel begins at an instance that takes it, by the rules of the one failover and
// within its limits, or its caller is told so.

#include <gtest/gtest.h>

#include "support/sim_tunnel.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::TunnelEnd;
using Stage = TunnelStage;

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

TEST(Tunnel, gives_the_handshake_a_limit_of_its_own) {
  Stage stage{1};
  stage.database().tls.emplace();
  stage.database().tls->handshake_timeout = milliseconds{500};
  stage.apply();
  stage.servers[0].takes = Listening::Answer::no_handshake;
  stage.call();
  stage.world.run_for(stage.database().connect_timeout + milliseconds{400});
  EXPECT_TRUE(stage.recorder.records.empty());
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::not_established);
  EXPECT_EQ(stage.record().facts.failure, Failure::tls_timeout);
  EXPECT_EQ(stage.recorder.handshakes_failed["timeout"], 1U);
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

TEST(Tunnel, pauses_before_it_turns_to_another_instance_when_the_first_has_broken) {
  Stage stage;
  stage.apply();
  stage.servers[0].resets = true;
  stage.servers[0].connects_in = milliseconds{10};
  Talker& one = stage.call();
  Talker& two = stage.call();
  one.end();
  two.end();
  stage.world.run_for(milliseconds{15});
  EXPECT_EQ(stage.servers[0].talkers.size(), 1U);
  EXPECT_EQ(stage.servers[1].talkers.size(), 1U) << "the other one's, which was there at first";
  stage.world.run_for(milliseconds{20});
  EXPECT_EQ(stage.servers[1].talkers.size(), 2U);
  stage.world.run_for(seconds{1});
  EXPECT_TRUE(one.ended);
  EXPECT_TRUE(two.ended) << "the second instance hears of the caller's end, too";
  stage.finish(2);
}

TEST(Tunnel, does_not_outlast_a_caller_that_goes_before_it_is_made) {
  for (const bool queued : {false, true}) {
    Stage stage{1};
    stage.database().bulkhead = {.concurrent = 1, .queue = 1};
    stage.apply();
    if (!queued) stage.servers[0].takes = Listening::Answer::black_hole;
    Talker* first = queued ? &stage.call() : nullptr;
    Talker& caller = stage.call();
    caller.send("hello");
    stage.world.run_for(milliseconds{20});
    caller.reset();
    stage.world.run_for(milliseconds{20});
    ASSERT_EQ(stage.recorder.records.size(), 1U);
    EXPECT_EQ(stage.end(), TunnelEnd::caller_reset);
    EXPECT_EQ(stage.record().facts.failure, Failure::caller_gone);
    EXPECT_EQ(stage.holdings.connecting, 0U);
    if (first != nullptr) first->end();
    stage.finish(queued ? 2 : 1);
  }
}

TEST(Tunnel, does_not_outlast_a_caller_that_goes_before_the_second_attempt) {
  Stage stage;
  stage.apply();
  for (Server& server : stage.servers) {
    server.resets = true;
    server.connects_in = milliseconds{20};
  }
  Talker& caller = stage.call();
  stage.world.run_for(milliseconds{25});
  EXPECT_EQ(stage.connections(), 1U);
  caller.reset();
  stage.finish(1);
  EXPECT_EQ(stage.end(), TunnelEnd::caller_reset);
  EXPECT_EQ(stage.connections(), 1U);
}

TEST(Tunnel, is_refused_at_once_by_an_open_breaker) {
  Stage stage{1};
  stage.database().breaker.enabled = true;
  stage.database().breaker.minimum = 5;
  stage.apply();
  stage.servers[0].takes = Listening::Answer::refuse;
  for (int call = 0; call < 10; ++call) {
    stage.call();
    stage.world.run_for(milliseconds{50});
  }
  EXPECT_EQ(stage.record().facts.failure, Failure::breaker_open);
  EXPECT_EQ(stage.record().facts.attempt_count, 0U);
  EXPECT_EQ(stage.end(), TunnelEnd::not_established);
  EXPECT_TRUE(stage.callers.back()->broken);
  stage.finish(10);
}

TEST(Tunnel, blames_an_instance_that_takes_a_question_and_breaks) {
  Stage stage;
  stage.database().ejection.enabled = true;
  stage.apply();
  stage.servers[0].resets = true;
  for (int call = 0; call < 20; ++call) {
    Talker& caller = stage.call();
    caller.send("question");
    caller.end();
    stage.world.run_for(milliseconds{100});
  }
  EXPECT_GE(stage.clusters.status(stage.world.now()).front().ejections, 1U);
  stage.finish(20);
}

TEST(Tunnel, to_more_unnamed_destinations_than_can_be_known_is_refused_as_overload) {
  Stage stage{1};
  stage.apply();
  const auto destination = [](std::size_t number) {
    return Address::v4(
        {192, 0, static_cast<std::uint8_t>(number / 250), static_cast<std::uint8_t>(number % 250)},
        4'000);
  };
  Server server;
  for (std::size_t i = 0; i <= proxy::PassThrough::default_most; ++i) {
    stage.connector.listen(destination(i), server);
    stage.call(destination(i));
  }
  stage.world.run_for(milliseconds{100});
  EXPECT_EQ(stage.record().facts.failure, Failure::connection_limit);
  EXPECT_EQ(stage.recorder.refused["overload"], 1U);
  EXPECT_EQ(stage.recorder.refused["unmatched"], 0U);
  for (auto& caller : stage.callers) caller->end();
  stage.finish(proxy::PassThrough::default_most + 1);
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

}  // namespace
}  // namespace weir::sim
