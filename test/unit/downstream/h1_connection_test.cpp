#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "call.h"

namespace weir::downstream {
namespace {

using std::chrono::milliseconds;

TEST(H1Connection, hands_over_a_request_when_its_head_is_complete) {
  Call call;
  const Instant first_byte = call.scheduler.now();
  call.send(get.substr(0, 10));
  call.pass(milliseconds{5});
  EXPECT_EQ(call.stream, nullptr);
  call.send(get.substr(10));
  ASSERT_NE(call.stream, nullptr);
  EXPECT_EQ(call.stream->head().target, "/1");
  EXPECT_EQ(call.stream->first_byte(), first_byte);
  EXPECT_EQ(call.stream->caller(), Caller::present);
  EXPECT_EQ(call.stream->body().pull().state, http::Pull::State::end);
  call.answer("hello");
  EXPECT_EQ(call.received(), ok("hello"));
  EXPECT_TRUE(call.goes_on());
}

TEST(H1Connection, pipelined_requests_wait_for_the_answer_before) {
  Call call;
  call.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n"
      "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/1"}));
  call.answer("one");
  EXPECT_EQ(call.targets.size(), 1U);  // never from within done()
  EXPECT_EQ(call.received(), ok("one"));
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/1", "/2"}));
  call.answer("two");  // the body that nobody read has arrived, and is dropped
  EXPECT_EQ(call.received(), ok("two"));
  call.answer("three");
  EXPECT_EQ(call.received(), ok("three"));
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/1", "/2", "/3"}));
}

TEST(H1Connection, a_long_pipeline_does_not_nest_and_is_answered_in_order) {
  Call call;
  call.answers_at_once = true;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string target = "/" + std::to_string(i);
    call.peer.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    expected += ok(target);
  }
  EXPECT_EQ(call.received(), expected);
}

TEST(H1Connection, continue_is_said_when_the_body_is_wanted_and_only_then) {
  constexpr std::string_view head =
      "POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  Call asked;
  asked.send(head);
  EXPECT_EQ(asked.received(), "");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(asked.stream->body().pull().state, http::Pull::State::pending);
  }
  EXPECT_EQ(asked.received(), "HTTP/1.1 100 Continue\r\n\r\n");
  asked.send("abc");
  EXPECT_EQ(asked.stream->body().pull().bytes.size(), 3U);
  asked.stream->body().consume(3);
  asked.answer("hello");
  EXPECT_EQ(asked.received(), ok("hello"));
  EXPECT_TRUE(asked.goes_on());

  Call impatient;
  impatient.send(std::string{head} + "abc");
  EXPECT_EQ(impatient.stream->body().pull().state, http::Pull::State::data);
  EXPECT_EQ(impatient.received(), "");
}

TEST(H1Connection, speaks_to_http_1_0_in_its_own_terms) {
  Call once;
  once.send("GET /1 HTTP/1.0\r\n\r\n");
  once.stream->inform(Call::head_of({}, 103));  // RFC 9110, 15.2
  once.answer("hello");
  EXPECT_EQ(once.received(), last_ok("hello"));
  EXPECT_TRUE(once.peer.was_ended());

  Call kept;
  kept.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.answer("hello");
  EXPECT_EQ(kept.received(), ok("hello", "connection: keep-alive\r\n"));
  EXPECT_TRUE(kept.goes_on());

  kept.send("GET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.answer("hello", http::BodyLength::chunked());
  EXPECT_EQ(kept.received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(kept.peer.was_ended());
}

TEST(H1Connection, a_body_until_close_becomes_chunks_and_the_connection_goes_on) {
  Call call;
  call.send(get);
  call.answer("hello", http::BodyLength::until_close());
  EXPECT_EQ(call.received(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_TRUE(call.goes_on());
}

TEST(H1Connection, the_answer_to_head_has_a_length_and_no_body) {
  Call call;
  call.send("HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  call.answer("", http::BodyLength::known(5));
  EXPECT_EQ(call.received(), ok("hello").substr(0, ok("hello").size() - 5));
  EXPECT_TRUE(call.goes_on());
}

TEST(H1Connection, a_body_fails_for_the_reason_that_it_had) {
  using resilience::Failure;
  Call stalled;
  stalled.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
  http::Source& body = stalled.stream->body();
  Watcher reader;
  body.wake_on_readable(&reader);
  EXPECT_EQ(body.pull().state, http::Pull::State::pending);
  stalled.pass(stalled.limits.body_timeout + milliseconds{1});
  EXPECT_EQ(reader.woken, 1);
  EXPECT_EQ(body.pull().state, http::Pull::State::failed);
  EXPECT_EQ(stalled.stream->body_failure(), Failure::request_timeout);

  Call malformed;
  malformed.send("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n");
  EXPECT_EQ(malformed.stream->body().pull().state, http::Pull::State::failed);
  EXPECT_EQ(malformed.stream->body_failure(), Failure::malformed_request);
  EXPECT_EQ(malformed.malformed, codec::name_of(codec::H1Error::bad_chunk_size));

  Call gone;
  gone.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
  gone.peer.end();
  gone.settle();
  EXPECT_EQ(gone.stream->body().pull().bytes.size(), 2U);
  gone.stream->body().consume(2);
  EXPECT_EQ(gone.stream->body().pull().state, http::Pull::State::failed);
  EXPECT_EQ(gone.stream->body_failure(), Failure::caller_gone);
  EXPECT_FALSE(gone.malformed);
}

TEST(H1Connection, a_tunnel_carries_raw_bytes_and_each_side_has_an_end_of_its_own) {
  Call call;
  call.send("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  auto head = Call::head_of({}, 101);
  head.fields.add(http::Name::upgrade, "websocket");
  http::Sink& sink = call.stream->respond(head);
  call.stream->begin_tunnel();
  EXPECT_EQ(call.received(),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
            "Connection: upgrade\r\n\r\n");
  http::Source& source = call.stream->body();
  ASSERT_EQ(source.pull().bytes.size(), 5U);
  source.consume(5);
  call.peer.end();
  call.settle();
  EXPECT_EQ(source.pull().state, http::Pull::State::end);
  EXPECT_EQ(call.stream->caller(), Caller::present);
  sink.write(std::string_view{"still told"});
  sink.finish(nullptr);
  EXPECT_EQ(call.received(), "still told");
  EXPECT_TRUE(call.peer.was_ended());
  call.stream->done(Ending::complete);
  EXPECT_EQ(call.closed, net::Closed::peer);
}

}  // namespace
}  // namespace weir::downstream
