#include <gtest/gtest.h>

#include <string>

#include "endpoint.h"

namespace weir::upstream {
namespace {

using http::Pull;
using resilience::Failure;
using State = Attempt::State;
using std::chrono::seconds;

std::span<const char> span_of(std::string_view text) { return {text.data(), text.size()}; }

TEST(H2Stream, carries_a_request_and_its_response_with_bodies_and_trailers) {
  Endpoint endpoint;
  const auto asked = endpoint.ask(Endpoint::post("/echo?x=1"));
  http::Fields trailers;
  trailers.add("x-checksum", "1");
  asked->attempt.request_body().write(span_of("ping"));
  asked->attempt.request_body().finish(&trailers);
  endpoint.settle();
  Received& request = endpoint.servers[0].requests[0];
  EXPECT_EQ(request.head.target, "/echo?x=1");
  EXPECT_EQ(request.head.authority, "catalog");
  EXPECT_EQ(request.body, "ping");
  ASSERT_TRUE(request.trailing);
  EXPECT_EQ(request.trailing->find("x-checksum"), "1");

  http::Fields status;
  status.add(http::Name::grpc_status, "0");
  request.answer_trailers = &status;
  request.begin("pong");
  endpoint.settle();
  ASSERT_EQ(asked->attempt.state(), State::responding);
  EXPECT_EQ(asked->attempt.response().status, 200);
  EXPECT_EQ(Endpoint::read(*asked), "pong");
  EXPECT_EQ(Endpoint::end_of(*asked), Pull::State::pending);
  request.finish();
  endpoint.settle();
  EXPECT_EQ(Endpoint::end_of(*asked), Pull::State::end);
  ASSERT_NE(asked->attempt.body().trailers(), nullptr);
  EXPECT_EQ(asked->attempt.body().trailers()->find(http::Name::grpc_status), "0");
  EXPECT_EQ(request.closed, codec::H2Error::no_error);
  EXPECT_EQ(endpoint.recorder.resets, 0);
}

TEST(H2Stream, tells_informational_responses_before_the_final_one) {
  Endpoint endpoint;
  const auto asked = endpoint.ask("/");
  Received& request = endpoint.servers[0].requests[0];
  request.inform(100);
  request.inform(103);
  request.answer("done");
  endpoint.settle();
  ASSERT_EQ(asked->attempt.state(), State::informed);
  EXPECT_EQ(asked->attempt.response().status, 103);
  asked->attempt.next_head();
  ASSERT_EQ(asked->attempt.state(), State::responding);
  EXPECT_EQ(asked->attempt.response().status, 200);
  EXPECT_EQ(Endpoint::read(*asked), "done");
}

TEST(H2Stream, the_news_of_a_spent_failover_replaces_what_was_not_read_and_is_replaced_by_nothing) {
  Endpoint endpoint;
  const auto asked = endpoint.ask("/");
  Received& request = endpoint.servers[0].requests[0];
  http::ResponseHead told = Received::head_of(102);
  told.fields.add(http::Name::weir_failover, "spent");
  request.inform(103);
  request.session.inform(request, told);
  request.inform(103);
  request.answer("done");
  endpoint.settle();
  ASSERT_EQ(asked->attempt.state(), State::informed);
  EXPECT_EQ(asked->attempt.response().status, 102);
  EXPECT_EQ(asked->attempt.response().fields.find(http::Name::weir_failover), "spent");
  asked->attempt.next_head();
  ASSERT_EQ(asked->attempt.state(), State::responding);
  EXPECT_EQ(asked->attempt.response().status, 200);
}

TEST(H2Stream, cancelling_resets_the_stream_and_leaves_its_neighbours) {
  Endpoint endpoint;
  auto cancelled = endpoint.ask("/1");
  const auto stays = endpoint.ask("/2");
  cancelled.reset();
  endpoint.settle();
  Server& server = endpoint.servers[0];
  EXPECT_EQ(server.requests[0].closed, codec::H2Error::cancel);
  EXPECT_FALSE(server.requests[1].closed);
  EXPECT_EQ(endpoint.recorder.resets, 1);
  server.requests[1].answer("here");
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*stays), "here");
  EXPECT_EQ(endpoint.servers.size(), 1U);
}

TEST(H2Stream, cancelling_before_anything_was_sent_costs_nothing) {
  Endpoint endpoint;
  endpoint.settings.concurrent_streams = 1;
  endpoint.ask("/").reset();
  endpoint.settle();
  auto asked = endpoint.begin();
  ASSERT_EQ(asked->attempt.state(), State::connected);
  asked->attempt.send(Endpoint::get("/unsent"));
  EXPECT_FALSE(asked->attempt.bytes_written());
  asked.reset();
  endpoint.settle();
  EXPECT_EQ(endpoint.servers[0].requests.size(), 1U);
  EXPECT_EQ(endpoint.recorder.resets, 1);
  const auto next = endpoint.ask("/next");
  EXPECT_EQ(endpoint.servers.size(), 1U);
  EXPECT_EQ(next->attempt.state(), State::waiting);
}

TEST(H2Stream, a_refused_stream_was_not_processed) {
  Endpoint endpoint;
  auto first = endpoint.ask("/");
  endpoint.servers[0].refuses = true;
  const auto asked = endpoint.ask("/");
  EXPECT_EQ(asked->attempt.state(), State::failed);
  EXPECT_EQ(asked->attempt.failure(), Failure::stream_refused);
  EXPECT_EQ(first->attempt.state(), State::waiting);
}

TEST(H2Stream, a_reset_before_the_response_says_so_by_its_code) {
  struct Row {
    codec::H2Error error;
    Failure failure;
  };
  for (const Row& row : {Row{codec::H2Error::refused_stream, Failure::stream_refused},
                         Row{codec::H2Error::http_1_1_required, Failure::stream_refused},
                         Row{codec::H2Error::internal_error, Failure::reset_before_response},
                         Row{codec::H2Error::cancel, Failure::reset_before_response},
                         Row{codec::H2Error::protocol_error, Failure::reset_before_response},
                         Row{codec::H2Error::enhance_your_calm, Failure::reset_before_response}}) {
    Endpoint endpoint;
    const auto asked = endpoint.ask("/");
    Received& request = endpoint.servers[0].requests[0];
    request.session.reset(request, row.error);
    endpoint.settle();
    EXPECT_EQ(asked->attempt.failure(), row.failure) << name_of(row.error);
    EXPECT_TRUE(asked->attempt.bytes_written());
  }
}

TEST(H2Stream, a_reset_after_the_head_cuts_the_body_off) {
  Endpoint endpoint;
  const auto asked = endpoint.ask("/");
  Received& request = endpoint.servers[0].requests[0];
  request.begin("half");
  endpoint.settle();
  request.session.reset(request, codec::H2Error::internal_error);
  endpoint.settle();
  EXPECT_EQ(asked->attempt.state(), State::responding);
  EXPECT_EQ(Endpoint::read(*asked), "half");
  EXPECT_EQ(Endpoint::end_of(*asked), Pull::State::failed);
}

// RFC 9113, 8.1: a server may answer without reading the request to its end.
TEST(H2Stream, a_whole_response_before_the_end_of_the_request_is_no_failure) {
  Endpoint endpoint;
  const auto asked = endpoint.ask(Endpoint::post("/"));
  asked->attempt.request_body().write(span_of("begun"));
  endpoint.settle();
  Received& request = endpoint.servers[0].requests[0];
  request.answer("enough");
  request.session.reset(request, codec::H2Error::no_error);
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*asked), "enough");
  EXPECT_EQ(Endpoint::end_of(*asked), Pull::State::end);
  EXPECT_TRUE(asked->attempt.request_body().failed());
  asked->attempt.request_body().write(span_of("more"));
  asked->attempt.request_body().finish(nullptr);
  asked->attempt.release();
  EXPECT_EQ(endpoint.recorder.resets, 0);
}

TEST(H2Stream, goaway_refuses_what_is_above_its_last_stream_and_lets_the_rest_end) {
  Endpoint endpoint;
  const auto below = endpoint.ask("/below");
  Server& server = endpoint.servers[0];
  server.listens = false;
  const auto above = endpoint.ask("/above");
  server.session.finish_shutdown();
  endpoint.settle();
  EXPECT_EQ(above->attempt.failure(), Failure::stream_refused);
  EXPECT_EQ(below->attempt.state(), State::waiting);
  const auto next = endpoint.ask("/next");
  EXPECT_EQ(endpoint.servers.size(), 2U);
  EXPECT_EQ(next->attempt.state(), State::waiting);
  server.listens = true;
  server.requests[0].answer("last");
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*below), "last");
  EXPECT_TRUE(server.peer.was_closed());
  EXPECT_EQ(endpoint.recorder.closes(net::Closed::peer), 1);
}

TEST(H2Stream, goaway_on_an_idle_connection_closes_it) {
  Endpoint endpoint;
  endpoint.ask("/").reset();
  endpoint.settle();
  endpoint.servers[0].session.finish_shutdown();
  endpoint.settle();
  EXPECT_EQ(endpoint.pools.connections(), 0U);
}

TEST(H2Stream, a_lost_connection_is_a_race_only_where_it_had_answered_and_said_nothing_since) {
  enum class Before : std::uint8_t { nothing, answer };
  enum class Since : std::uint8_t { silence, bytes };
  struct Row {
    Before before;
    Since since;
    Failure failure;
  };
  for (const Row& row : {Row{Before::nothing, Since::silence, Failure::reset_before_response},
                         Row{Before::answer, Since::silence, Failure::reset_reused_connection},
                         Row{Before::answer, Since::bytes, Failure::reset_before_response}}) {
    Endpoint endpoint;
    const auto first = endpoint.ask("/1");
    Server& server = endpoint.servers[0];
    if (row.before == Before::answer) server.requests[0].answer("");
    endpoint.settle();
    const auto asked = endpoint.ask("/2");
    if (row.since == Since::bytes) server.requests.back().inform(103);
    endpoint.settle();
    server.peer.reset();
    endpoint.settle();
    EXPECT_EQ(asked->attempt.failure(), row.failure);
    EXPECT_EQ(endpoint.pools.connections(), 0U);
    EXPECT_EQ(endpoint.recorder.closes(net::Closed::error), 1);
  }
}

TEST(H2Stream, what_came_before_a_connection_was_lost_can_still_be_read) {
  Endpoint endpoint;
  const auto whole = endpoint.ask("/1");
  const auto half = endpoint.ask("/2");
  Server& server = endpoint.servers[0];
  server.requests[0].answer("whole");
  server.requests[1].begin("half");
  endpoint.settle();
  server.peer.end();
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*whole), "whole");
  EXPECT_EQ(Endpoint::end_of(*whole), Pull::State::end);
  EXPECT_EQ(Endpoint::read(*half), "half");
  EXPECT_EQ(Endpoint::end_of(*half), Pull::State::failed);
}

TEST(H2Stream, a_stalled_stream_does_not_stall_its_neighbours) {
  Endpoint endpoint;
  const auto stalled = endpoint.ask("/stalled");
  const auto flowing = endpoint.ask("/flowing");
  Server& server = endpoint.servers[0];
  const std::string large(2'000'000, 'x');
  server.requests[0].answer(large);
  server.requests[1].answer(large);
  std::size_t seen = 0;
  for (int turns = 0; turns < 200 && seen < large.size(); ++turns) {
    endpoint.settle();
    seen += Endpoint::read(*flowing).size();
  }
  EXPECT_EQ(seen, large.size());
  EXPECT_LE(stalled->attempt.body().pull().bytes.size(), 64U * 1024);
  EXPECT_GT(server.requests[0].sending.size(), 1'900'000U);
}

TEST(H2Stream, a_request_body_waits_for_the_windows_of_its_peer) {
  Endpoint endpoint;
  const auto asked = endpoint.ask(Endpoint::post("/"));
  endpoint.servers[0].listens = false;
  http::Sink& sink = asked->attempt.request_body();
  const std::string piece(16UL * 1024, 'x');
  std::size_t written = 0;
  for (; !sink.blocked() && written < 1'000'000; written += piece.size()) {
    sink.write(span_of(piece));
    endpoint.settle();
  }
  EXPECT_TRUE(sink.blocked());
  Watcher writer;
  sink.wake_on_writable(&writer);
  endpoint.servers[0].listens = true;
  endpoint.settle();
  EXPECT_EQ(writer.woken, 1);
  EXPECT_FALSE(sink.blocked());
  EXPECT_EQ(endpoint.servers[0].requests[0].body.size(), written);
}

TEST(H2Stream, a_malformed_response_is_the_endpoints_fault_and_not_its_neighbours) {
  Endpoint endpoint;
  const auto stays = endpoint.ask("/1");
  const auto asked = endpoint.ask("/2");
  // HEADERS on stream 3: status 200 and `connection: close`, which HTTP/2 does not have.
  endpoint.servers[0].peer.send(
      std::string_view{"\0\0\x13\1\4\0\0\0\3\x88\0\nconnection\5close", 28});
  endpoint.settle();
  EXPECT_EQ(asked->attempt.failure(), Failure::malformed_response);
  EXPECT_EQ(stays->attempt.state(), State::waiting);
  EXPECT_EQ(endpoint.recorder.resets, 1);
}

TEST(H2Stream, a_head_beyond_the_limits_is_told_from_a_malformed_one) {
  Endpoint endpoint;
  const auto asked = endpoint.ask("/");
  auto head = Received::head_of(200);
  for (int i = 0; i < 4; ++i) {
    head.fields.add("x-large-" + std::to_string(i), std::string(10'000, 'x'));
  }
  endpoint.servers[0].requests[0].respond(head);
  endpoint.settle();
  EXPECT_EQ(asked->attempt.failure(), Failure::response_too_large);
}

TEST(H2Stream, a_flood_ends_the_connection_and_is_counted) {
  Endpoint endpoint;
  const auto asked = endpoint.ask("/");
  std::string pings;
  for (int i = 0; i < 1100; ++i) pings.append("\0\0\10\6\0\0\0\0\0weirweir", 17);
  endpoint.servers[0].session_speaks = false;
  endpoint.servers[0].peer.send(pings);
  endpoint.settle();
  EXPECT_EQ(asked->attempt.failure(), Failure::reset_before_response);
  EXPECT_EQ(endpoint.recorder.floods, (std::vector<std::string>{"pings"}));
  EXPECT_EQ(endpoint.pools.connections(), 0U);
}

TEST(H2Stream, stays_small) {
  // 100,000 streams are to be held at once.
  EXPECT_LE(sizeof(H2Stream), 640U);
}

}  // namespace
}  // namespace weir::upstream
