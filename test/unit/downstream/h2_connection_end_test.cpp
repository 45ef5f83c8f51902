// How an HTTP/2 connection ends, and what a caller may make it do.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "h2_call.h"

namespace weir::downstream {
namespace {

using codec::H2Error;
using codec::H2Flood;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(H2ConnectionEnd, what_is_reset_in_the_same_breath_never_reaches_the_handler) {
  H2Call call;
  for (int i = 0; i < 50; ++i) {
    H2Exchange& rapid = call.open(H2Call::request_head("/rapid", http::Method::get));
    call.push();
    call.client.reset(rapid, H2Error::cancel);
    call.push();
  }
  H2Exchange& honest = call.request("/honest");
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/honest"}));
  call.answer(0, "hello");
  call.settle();
  EXPECT_EQ(honest.body, "hello");
}

TEST(H2ConnectionEnd, exchanges_count_until_they_have_ended_whatever_becomes_of_their_streams) {
  policy::Limits limits;
  limits.streams = 2;
  H2Call call{limits};
  for (int i = 0; i < 2; ++i) call.reset(call.request("/", http::Method::post));
  ASSERT_EQ(call.streams.size(), 2U);
  EXPECT_EQ(call.request("/").closed, H2Error::refused_stream);
  EXPECT_EQ(call.streams.size(), 2U);
  call.abort(1);
  call.request("/");
  EXPECT_EQ(call.streams.size(), 3U);
}

TEST(H2ConnectionEnd, what_comes_after_the_goodbye_is_not_read_for_ever) {
  H2Call call;
  call.listens = false;
  call.send_raw(std::string(1000, 'x'));  // no frame of any kind
  ASSERT_TRUE(call.goaway());
  constexpr std::size_t flood = 8UL * 1024 * 1024;
  call.send_raw(std::string(flood, 'x'));
  EXPECT_GT(call.peer.unread(), flood / 2);
  call.pass(seconds{3});
  EXPECT_TRUE(call.closed);
}

TEST(H2ConnectionEnd, a_caller_that_takes_nothing_of_what_is_finished_is_told_to_calm_down) {
  codec::H2Settings settings;
  settings.stream_window = 100;
  H2Call call{{}, settings};
  call.request("/1").reads = false;
  call.answer(0, std::string(1000, 'x'));
  call.settle();
  call.pass(call.limits.body_timeout - milliseconds{1});
  EXPECT_TRUE(call.floods.empty());
  call.pass(milliseconds{3});
  EXPECT_EQ(call.floods, (std::vector{H2Flood::window_stall}));
  EXPECT_EQ(call.goaway(), H2Error::enhance_your_calm);
  EXPECT_TRUE(call.peer.was_ended());
  call.pass(seconds{3});
  EXPECT_EQ(call.closed, net::Closed::timeout);
}

TEST(H2ConnectionEnd, what_is_left_lying_is_given_up_without_the_neighbours) {
  codec::H2Settings settings;
  settings.stream_window = 100;
  H2Call call{{}, settings};
  H2Exchange& lying = call.request("/1");
  H2Exchange& running = call.request("/2");
  lying.reads = false;
  call.answer(0, std::string(1000, 'x'));
  call.settle();
  call.pass(call.limits.body_timeout + milliseconds{2});
  EXPECT_EQ(lying.closed, H2Error::cancel);
  EXPECT_TRUE(call.floods.empty());
  call.answer(1, "two");
  call.settle();
  EXPECT_EQ(running.body, "two");
}

TEST(H2ConnectionEnd, a_caller_that_does_not_even_take_the_goaway_is_left) {
  struct Case {
    std::size_t answer;
    net::Closed reason;
  };
  // What the session has given away is the channel's; the rest waits for a window.
  for (const Case& one : {Case{1000, net::Closed::idle}, Case{100'000, net::Closed::timeout}}) {
    H2Call call;
    call.request("/1");
    call.peer.take(0);
    call.answer(0, std::string(one.answer, 'x'));
    call.settle();
    for (int i = 0; i < 4; ++i) call.pass(call.limits.body_timeout + milliseconds{2});
    EXPECT_EQ(call.closed, one.reason);
  }
}

TEST(H2ConnectionEnd, draining_serves_what_comes_within_the_grace_and_closes_after_the_last) {
  H2Call call;
  H2Exchange& before = call.request("/1");
  call.connection.drain();
  call.settle();
  EXPECT_EQ(call.goaway(), H2Error::no_error);
  call.pass(milliseconds{1001});
  EXPECT_FALSE(call.closed);
  call.pass(seconds{5});
  call.answer(0, "one");
  call.settle();
  EXPECT_EQ(before.body, "one");
  EXPECT_TRUE(call.peer.was_ended());
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::drain);
}

TEST(H2ConnectionEnd, a_request_that_crosses_the_first_goaway_is_served) {
  H2Call call;
  H2Exchange& crossing = call.open(H2Call::request_head("/1", http::Method::get));
  call.push();
  call.connection.drain();
  call.settle();
  call.answer(0, "one");
  call.settle();
  EXPECT_EQ(crossing.body, "one");
}

TEST(H2ConnectionEnd, an_idle_connection_says_goodbye_and_closes) {
  H2Call call;
  call.request("/1");
  call.pass(call.limits.idle_timeout * 2);
  EXPECT_FALSE(call.goaway()) << "a running exchange is not idle";
  call.answer(0, "one");
  call.settle();
  call.pass(call.limits.idle_timeout - milliseconds{1});
  EXPECT_FALSE(call.goaway());
  call.pass(milliseconds{3});
  EXPECT_EQ(call.goaway(), H2Error::no_error);
  call.pass(milliseconds{1001});
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::idle);
}

TEST(H2ConnectionEnd, after_the_last_of_its_requests_it_says_goodbye) {
  policy::Limits limits;
  limits.requests = 2;
  H2Call call{limits};
  call.request("/1");
  EXPECT_FALSE(call.goaway());
  H2Exchange& last = call.request("/2");
  EXPECT_EQ(call.goaway(), H2Error::no_error);
  call.pass(milliseconds{1001});
  call.answer(0, "one");
  call.answer(1, "two");
  call.settle();
  EXPECT_EQ(last.body, "two");
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::limit);
}

TEST(H2ConnectionEnd, a_head_that_takes_too_long_ends_the_connection) {
  H2Call call;
  // HEADERS without END_HEADERS on stream 1: `:method: GET`, and the rest never comes.
  call.send_raw(std::string_view{"\0\0\1\1\1\0\0\0\1\x82", 10});
  call.pass(call.limits.header_timeout - milliseconds{1});
  EXPECT_FALSE(call.goaway());
  call.pass(milliseconds{3});
  EXPECT_EQ(call.timeouts, 1);
  EXPECT_EQ(call.goaway(), H2Error::enhance_your_calm);
  call.pass(seconds{3});
  EXPECT_EQ(call.closed, net::Closed::timeout);
  EXPECT_TRUE(call.targets.empty());
}

TEST(H2ConnectionEnd, when_the_connection_goes_every_caller_is_gone_and_the_last_exchange_ends_it) {
  for (const bool broken : {false, true}) {
    H2Call call;
    H2Watcher watcher;
    call.request("/1", http::Method::post);
    call.request("/2");
    call.streams.at(0)->wake_on_change(&watcher);
    broken ? call.peer.reset() : call.peer.end();
    call.settle();
    EXPECT_EQ(watcher.woken, 1);
    for (const Stream* stream : call.streams) EXPECT_EQ(stream->caller(), Caller::gone);
    EXPECT_EQ(call.streams[0]->body_failure(), resilience::Failure::caller_gone);
    call.answer(0, "harmless");
    call.settle();
    EXPECT_FALSE(call.closed);
    call.abort(1);
    call.settle();
    EXPECT_EQ(call.closed, broken ? net::Closed::error : net::Closed::peer);
  }
}

TEST(H2ConnectionEnd, what_breaks_the_protocol_is_told_so_and_closed) {
  H2Call call;
  call.request("/1");
  call.send_raw(std::string_view{"\0\0\1\0\0\0\0\0\0x", 10});  // DATA on stream 0
  EXPECT_EQ(call.goaway(), H2Error::protocol_error);
  EXPECT_EQ(call.streams.at(0)->caller(), Caller::gone);
  EXPECT_TRUE(call.peer.was_ended());
  call.abort(0);
  call.pass(seconds{3});
  EXPECT_EQ(call.closed, net::Closed::error);
}

TEST(H2ConnectionEnd, a_caller_that_says_goodbye_is_closed_in_order) {
  H2Call call;
  call.request("/1");
  call.answer(0, "one");
  call.settle();
  call.client.terminate(H2Error::no_error);
  call.push();
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::peer);
}

TEST(H2ConnectionEnd, streams_that_nobody_finished_go_with_their_connection) {
  H2Call call;
  call.request("/1");
  call.request("/2", http::Method::post);
  call.answer(0, "one");
  EXPECT_FALSE(call.closed);
}

}  // namespace
}  // namespace weir::downstream
