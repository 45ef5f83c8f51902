// Requests and answers over HTTP/2, side by side.

#include "weir/downstream/h2_connection.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "h2_call.h"

namespace weir::downstream {
namespace {

using codec::H2Error;
using std::chrono::milliseconds;

TEST(H2Connection, hands_over_requests_side_by_side_and_answers_in_any_order) {
  H2Call call;
  H2Exchange& one = call.request("/1");
  H2Exchange& two = call.request("/2");
  ASSERT_EQ(call.targets, (std::vector<std::string>{"/1", "/2"}));
  EXPECT_EQ(call.streams[0]->head().version, http::Version::http_2);
  EXPECT_EQ(call.streams[0]->head().authority, "catalog");
  EXPECT_EQ(call.streams[0]->first_byte(), call.scheduler.now());
  EXPECT_EQ(call.streams[0]->body().pull().state, http::Pull::State::end);
  call.answer(1, "two");
  call.settle();
  EXPECT_TRUE(two.ended);
  EXPECT_FALSE(one.ended);
  call.answer(0, "one");
  call.settle();
  EXPECT_EQ(one.body, "one");
  EXPECT_EQ(two.body, "two");
  EXPECT_EQ(one.closed, H2Error::no_error);
}

TEST(H2Connection, bodies_and_trailers_go_both_ways) {
  H2Call call;
  http::Fields trailers;
  trailers.add("x-sum", "1");
  H2Exchange& post = call.open(H2Call::request_head("/1", http::Method::post));
  post.trailing_request = &trailers;
  post.write("abc");
  post.finish();
  call.settle();
  http::Source& body = call.streams.at(0)->body();
  const http::Pull pulled = body.pull();
  EXPECT_EQ((std::string_view{pulled.bytes.data(), pulled.bytes.size()}), "abc");
  body.consume(3);
  ASSERT_EQ(body.pull().state, http::Pull::State::end);
  ASSERT_NE(body.trailers(), nullptr);
  EXPECT_EQ(body.trailers()->find("x-sum"), "1");

  auto head = H2Call::head_of(http::BodyLength::chunked());
  http::Sink& sink = call.streams[0]->respond(head);
  sink.write(std::string_view{"defg"});
  sink.finish(&trailers);
  call.streams[0]->done(Ending::complete);
  call.settle();
  EXPECT_EQ(post.body, "defg");
  ASSERT_TRUE(post.trailing);
  EXPECT_EQ(post.trailing->find("x-sum"), "1");
  EXPECT_EQ(post.closed, H2Error::no_error);
}

TEST(H2Connection, trailers_arrive_also_when_nobody_waited_for_the_request) {
  H2Call call;
  http::Fields trailers;
  trailers.add(http::Name::grpc_status, "0");
  H2Exchange& post = call.request("/1", http::Method::post);
  auto head = H2Call::head_of(http::BodyLength::chunked());
  http::Sink& sink = call.streams.at(0)->respond(head);
  sink.write(std::string_view{"defg"});
  sink.finish(&trailers);
  call.streams[0]->done(Ending::complete);
  call.settle();
  EXPECT_EQ(post.body, "defg");
  EXPECT_TRUE(post.trailing);
  EXPECT_TRUE(post.ended);
  EXPECT_EQ(post.closed, H2Error::no_error) << "RFC 9113, 8.1";
}

TEST(H2Connection, informational_heads_come_before_the_answer) {
  H2Call call;
  H2Exchange& one = call.request("/1");
  call.streams.at(0)->inform(H2Call::head_of({}, 103));
  call.answer(0, "one");
  call.settle();
  EXPECT_EQ(one.informed, (std::vector<int>{103}));
  EXPECT_EQ(one.body, "one");
}

TEST(H2Connection, the_news_of_a_spent_failover_does_not_wait_for_the_answer) {
  H2Call call;
  H2Exchange& one = call.request("/1");
  auto told = H2Call::head_of({}, 102);
  told.fields.add(http::Name::weir_failover, "spent");
  call.streams.at(0)->inform(told);
  call.settle();
  EXPECT_EQ(one.informed, (std::vector<int>{102}));
  EXPECT_EQ(one.informed_fields.find(http::Name::weir_failover), "spent");
  EXPECT_FALSE(one.ended);
}

TEST(H2Connection, the_answer_to_head_has_a_length_and_no_body) {
  H2Call call;
  H2Exchange& one = call.request("/1", http::Method::head);
  auto head = H2Call::head_of(http::BodyLength::known(5));
  call.streams.at(0)->respond(head).finish(nullptr);
  call.streams[0]->done(Ending::complete);
  call.settle();
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.fields.find(http::Name::content_length), "5");
  EXPECT_TRUE(one.ended);
  EXPECT_EQ(one.body, "");
}

TEST(H2Connection, continue_is_said_when_the_body_is_wanted_and_only_then) {
  H2Call call;
  auto head = H2Call::request_head("/1", http::Method::post);
  head.expects_continue = true;
  head.fields.add(http::Name::expect, "100-continue");
  H2Exchange& post = call.open(head);
  call.settle();
  EXPECT_TRUE(post.informed.empty());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(call.streams.at(0)->body().pull().state, http::Pull::State::pending);
  }
  call.settle();
  EXPECT_EQ(post.informed, (std::vector<int>{100}));
}

TEST(H2Connection, a_reset_makes_the_caller_gone_and_leaves_the_neighbours_alone) {
  H2Call call;
  H2Exchange& one = call.request("/1");
  H2Exchange& two = call.request("/2");
  H2Watcher watcher;
  H2Watcher neighbour;
  call.streams.at(0)->wake_on_change(&watcher);
  call.streams.at(1)->wake_on_change(&neighbour);
  call.reset(one);
  EXPECT_EQ(watcher.woken, 1);
  EXPECT_EQ(neighbour.woken, 0);
  EXPECT_EQ(call.streams[0]->caller(), Caller::gone);
  EXPECT_EQ(call.streams[1]->caller(), Caller::present);
  auto head = H2Call::head_of(http::BodyLength::known(5));
  EXPECT_TRUE(call.streams[0]->respond(head).failed());
  call.abort(0);
  call.answer(1, "two");
  call.settle();
  EXPECT_EQ(two.body, "two");
  EXPECT_FALSE(call.closed);
}

TEST(H2Connection, an_answer_that_was_cut_off_resets_its_stream_only) {
  H2Call call;
  H2Exchange& one = call.request("/1");
  H2Exchange& two = call.request("/2");
  auto head = H2Call::head_of(http::BodyLength::chunked());
  call.streams.at(0)->respond(head).write(std::string_view{"half"});
  call.settle();
  call.abort(0);
  call.answer(1, "two");
  call.settle();
  EXPECT_EQ(one.closed, H2Error::internal_error);
  EXPECT_FALSE(one.ended);
  EXPECT_EQ(two.body, "two");
}

TEST(H2Connection, a_stream_without_a_window_does_not_stall_its_neighbours) {
  codec::H2Settings settings;
  settings.stream_window = 1000;
  H2Call call{{}, settings};
  H2Exchange& slow = call.request("/1");
  H2Exchange& quick = call.request("/2");
  slow.reads = false;
  const std::string much(20'000, 'x');
  call.answer(0, much);
  call.answer(1, much);
  call.settle();
  EXPECT_EQ(quick.body.size(), much.size());
  EXPECT_EQ(slow.body.size(), 1000U);
  slow.reads = true;
  call.client.consumed(slow, slow.body.size());
  call.settle();
  EXPECT_EQ(slow.body, much);
  EXPECT_TRUE(slow.ended);
}

TEST(H2Connection, a_body_fails_for_the_reason_that_it_had) {
  using resilience::Failure;
  H2Call call;
  H2Watcher reader;
  call.request("/1", http::Method::post);
  http::Source& body = call.streams.at(0)->body();
  body.wake_on_readable(&reader);
  EXPECT_EQ(body.pull().state, http::Pull::State::pending);
  call.pass(call.limits.body_timeout + milliseconds{1});
  EXPECT_EQ(reader.woken, 1);
  EXPECT_EQ(body.pull().state, http::Pull::State::failed);
  EXPECT_EQ(call.streams[0]->body_failure(), Failure::request_timeout);
  body.wake_on_readable(nullptr);

  H2Exchange& gone = call.request("/2", http::Method::post);
  call.reset(gone);
  EXPECT_EQ(call.streams.at(1)->body().pull().state, http::Pull::State::failed);
  EXPECT_EQ(call.streams[1]->body_failure(), Failure::caller_gone);

  auto head = H2Call::request_head("/3", http::Method::post);
  head.body = http::BodyLength::known(10);
  H2Exchange& shorter = call.open(head);
  shorter.write("abc");
  shorter.finish();
  call.settle();
  ASSERT_EQ(call.streams.size(), 3U);
  EXPECT_EQ(call.streams[2]->body_failure(), Failure::malformed_request);
  EXPECT_EQ(shorter.closed, H2Error::protocol_error);
  for (std::size_t i = 0; i < 3; ++i) call.abort(i);
}

TEST(H2Connection, an_early_answer_is_whole_and_stops_the_request) {
  H2Call call;
  H2Exchange& post = call.request("/1", http::Method::post);
  call.answer(0, "no");
  call.settle();
  EXPECT_EQ(post.body, "no");
  EXPECT_TRUE(post.ended);
  EXPECT_EQ(post.closed, H2Error::no_error);
  call.request("/2");
  EXPECT_EQ(call.targets.size(), 2U);
}

TEST(H2Connection, nothing_is_lost_to_a_caller_that_takes_its_answers_slowly) {
  H2Call call;
  H2Exchange& one = call.request("/1");
  const std::string much(60'000, 'x');
  call.peer.take(1000);
  call.answer(0, much);
  for (int i = 0; i < 100; ++i) {
    call.settle();
    call.peer.take(1000);
  }
  call.settle();
  EXPECT_EQ(one.body, much);
  EXPECT_TRUE(one.ended);
}

}  // namespace
}  // namespace weir::downstream
