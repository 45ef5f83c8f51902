// What either side sends the other gets: whole, in order, no faster than it takes it.

#include "weir/proxy/tunnel_relay.h"

#include <gtest/gtest.h>

#include <string>

#include "support/fake_transport.h"
#include "weir/base/scheduler.h"

namespace weir::proxy {
namespace {

using State = TunnelRelay::State;

struct Owner final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

struct Joined {
  explicit Joined(bool begin = true) {
    relay.own(caller.connect());
    if (begin) relay.start(upstream.connect());
  }
  void settle() {
    do scheduler.turn(scheduler.now());
    while (caller.deliver() || upstream.deliver());
  }

  Scheduler scheduler{Instant{std::chrono::seconds{1000}}};
  net::FakePeer caller;
  net::FakePeer upstream;
  net::FakePeer another;
  RelaySpace space;
  Owner owner;
  TunnelRelay relay{space, scheduler.ready(), owner};
};

TEST(TunnelRelay, carries_bytes_both_ways_at_once) {
  Joined tunnel;
  tunnel.caller.send("question");
  tunnel.upstream.send("greeting");
  tunnel.settle();
  EXPECT_EQ(tunnel.upstream.received(), "question");
  EXPECT_EQ(tunnel.caller.received(), "greeting");
  EXPECT_EQ(tunnel.relay.bytes_from(TunnelRelay::caller), 8U);
  EXPECT_EQ(tunnel.relay.bytes_from(TunnelRelay::upstream), 8U);
  EXPECT_EQ(tunnel.owner.woken, 1) << "of the upstream's first byte";
}

TEST(TunnelRelay, keeps_the_way_back_open_after_one_side_has_ended) {
  Joined tunnel;
  tunnel.caller.send("all of it");
  tunnel.caller.end();
  tunnel.settle();
  EXPECT_EQ(tunnel.upstream.received(), "all of it");
  EXPECT_TRUE(tunnel.upstream.was_ended());
  EXPECT_FALSE(tunnel.caller.was_ended());
  EXPECT_EQ(tunnel.relay.state(), State::moving);
  tunnel.upstream.send("late answer");
  tunnel.upstream.end();
  tunnel.settle();
  EXPECT_EQ(tunnel.caller.received(), "late answer");
  EXPECT_TRUE(tunnel.caller.was_ended());
  EXPECT_EQ(tunnel.relay.state(), State::ended);
}

TEST(TunnelRelay, reads_no_more_from_one_side_than_the_other_takes) {
  Joined tunnel;
  const std::string much(200'000, 'x');
  tunnel.upstream.take(1'000);
  tunnel.caller.send(much);
  tunnel.caller.end();
  tunnel.settle();
  EXPECT_EQ(tunnel.caller.reading(), 0U);
  EXPECT_EQ(tunnel.caller.unread(), much.size() - TunnelRelay::first_piece);
  EXPECT_FALSE(tunnel.upstream.was_ended());
  std::string arrived;
  for (int round = 0; round < 1000 && tunnel.relay.state() == State::moving; ++round) {
    tunnel.upstream.take(1'000);
    tunnel.settle();
    arrived += tunnel.upstream.received();
    if (tunnel.upstream.was_ended()) break;
  }
  EXPECT_EQ(arrived, much);
  EXPECT_TRUE(tunnel.upstream.was_ended());
}

TEST(TunnelRelay, says_which_side_broke) {
  for (const auto& [broken, state] : {std::pair{&Joined::caller, State::caller_broke},
                                      {&Joined::upstream, State::upstream_broke}}) {
    Joined tunnel;
    (tunnel.*broken).reset();
    tunnel.settle();
    EXPECT_EQ(tunnel.relay.state(), state);
    EXPECT_EQ(tunnel.owner.woken, 1);
    tunnel.relay.reset();
    EXPECT_TRUE(tunnel.caller.was_reset());
    EXPECT_TRUE(tunnel.upstream.was_reset());
  }
}

TEST(TunnelRelay, keeps_what_the_caller_sends_while_another_upstream_is_found) {
  Joined tunnel;
  tunnel.upstream.reset();
  tunnel.settle();
  tunnel.relay.give_up_upstream();
  EXPECT_TRUE(tunnel.upstream.was_closed());
  tunnel.caller.send("hello");
  tunnel.caller.end();
  tunnel.settle();
  tunnel.relay.start(tunnel.another.connect());
  tunnel.settle();
  while (tunnel.another.deliver()) tunnel.settle();
  EXPECT_EQ(tunnel.another.received(), "hello");
  EXPECT_TRUE(tunnel.another.was_ended());
}

TEST(TunnelRelay, notices_a_caller_that_goes_while_another_upstream_is_found) {
  Joined tunnel;
  tunnel.relay.give_up_upstream();
  tunnel.caller.reset();
  tunnel.settle();
  EXPECT_EQ(tunnel.relay.state(), State::caller_broke);
}

TEST(TunnelRelay, notices_a_caller_that_goes_before_it_starts) {
  Joined tunnel{false};
  EXPECT_EQ(tunnel.relay.state(), State::resting);
  tunnel.caller.reset();
  tunnel.settle();
  EXPECT_EQ(tunnel.relay.state(), State::caller_broke);
  EXPECT_EQ(tunnel.owner.woken, 1);
}

TEST(TunnelRelay, takes_little_of_its_caller_before_it_starts) {
  Joined tunnel{false};
  const std::string much(200'000, 'x');
  tunnel.caller.send(much);
  tunnel.caller.end();
  tunnel.settle();
  EXPECT_EQ(tunnel.caller.unread(), much.size() - TunnelRelay::first_piece);
  EXPECT_FALSE(tunnel.relay.begun());
  tunnel.relay.start(tunnel.upstream.connect());
  tunnel.settle();
  EXPECT_TRUE(tunnel.relay.begun());
  EXPECT_EQ(tunnel.upstream.received(), much);
  EXPECT_TRUE(tunnel.upstream.was_ended());
}

TEST(TunnelRelay, keeps_the_order_of_what_comes_while_what_was_kept_is_on_its_way) {
  Joined tunnel{false};
  tunnel.caller.send("one ");
  tunnel.settle();
  tunnel.caller.send("two ");
  tunnel.settle();
  tunnel.upstream.take(2);
  tunnel.relay.start(tunnel.upstream.connect());
  tunnel.caller.send("three");
  tunnel.caller.end();
  tunnel.settle();
  EXPECT_EQ(tunnel.upstream.received(), "on");
  tunnel.upstream.take_everything();
  tunnel.settle();
  EXPECT_EQ(tunnel.upstream.received(), "e two three");
  EXPECT_TRUE(tunnel.upstream.was_ended());
}

TEST(TunnelRelay, notices_a_caller_that_goes_after_it_has_said_something) {
  Joined tunnel{false};
  tunnel.caller.send("hello");
  tunnel.settle();
  tunnel.caller.reset();
  tunnel.settle();
  EXPECT_EQ(tunnel.relay.state(), State::caller_broke);
}

TEST(TunnelRelay, hands_an_end_on_to_the_upstream_that_takes_the_place_of_another) {
  Joined tunnel;
  tunnel.caller.end();
  tunnel.settle();
  EXPECT_TRUE(tunnel.upstream.was_ended());
  tunnel.upstream.reset();
  tunnel.settle();
  EXPECT_FALSE(tunnel.relay.begun());
  tunnel.relay.give_up_upstream();
  tunnel.relay.start(tunnel.another.connect());
  EXPECT_TRUE(tunnel.another.was_ended());
}

TEST(TunnelRelay, keeps_what_a_broken_upstream_has_not_taken) {
  Joined tunnel;
  tunnel.upstream.reset();
  tunnel.caller.send("hello");
  while (tunnel.caller.deliver()) {
  }
  EXPECT_EQ(tunnel.relay.state(), State::upstream_broke);
  EXPECT_FALSE(tunnel.relay.begun());
  tunnel.relay.give_up_upstream();
  tunnel.relay.start(tunnel.another.connect());
  EXPECT_EQ(tunnel.another.received(), "hello");
}

TEST(TunnelRelay, makes_progress_while_only_what_was_read_before_is_taken) {
  Joined tunnel;
  tunnel.upstream.take(0);
  tunnel.caller.send("hello");
  tunnel.settle();
  const std::uint64_t before = tunnel.relay.progress();
  tunnel.upstream.take(2);
  tunnel.settle();
  EXPECT_EQ(tunnel.relay.progress(), before + 2);
}

}  // namespace
}  // namespace weir::proxy
