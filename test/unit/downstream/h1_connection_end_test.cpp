// How an accepted connection ends: refusals, time-outs, callers that go, draining.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "call.h"

namespace weir::downstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(H1ConnectionEnd, an_answer_without_the_body_ends_the_connection) {
  Call call;
  call.send("POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 34\r\n\r\n");
  call.answer("no");
  EXPECT_TRUE(call.received().ends_with("\r\n\r\nno"));
  EXPECT_TRUE(call.peer.was_ended());
  call.send(get);  // as large as the body, and never a request
  EXPECT_EQ(call.targets.size(), 1U);
}

TEST(H1ConnectionEnd, a_head_that_takes_too_long_is_answered_408_however_it_trickles) {
  Call call;
  for (const char letter : std::string_view{"GET /1 HTT"}) {
    EXPECT_EQ(call.timeouts, 0);
    call.send({&letter, 1});
    call.pass(call.limits.header_timeout / 10);
  }
  call.pass(milliseconds{1});
  EXPECT_EQ(call.timeouts, 1);
  EXPECT_FALSE(call.malformed);
  const std::string reply = call.received();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << reply;
  EXPECT_NE(reply.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(reply.find("proxy-status: weir; error=http_request_error"), std::string::npos);
  EXPECT_TRUE(call.peer.was_ended());
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::timeout);
}

TEST(H1ConnectionEnd, an_idle_connection_is_closed_without_a_word) {
  Call call;
  call.pass(call.limits.idle_timeout - milliseconds{1});
  EXPECT_FALSE(call.closed);
  call.pass(milliseconds{2});
  EXPECT_EQ(call.closed, net::Closed::idle);
  EXPECT_EQ(call.received(), "");
}

TEST(H1ConnectionEnd, a_refusal_lingers_until_the_caller_has_had_time_to_read_it) {
  struct Case {
    std::string_view bytes;
    std::string_view status;
    codec::H1Error error;
  };
  constexpr Case cases[] = {
      {"GET /1 HTTP/1.1\r\n\r\n", "400", codec::H1Error::missing_host},
      {"GET / HTTP/3.0\r\n", "505", codec::H1Error::unsupported_version},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", "400",
       codec::H1Error::unknown_transfer_coding},
  };
  for (const Case& one : cases) {
    Call call;
    call.send(one.bytes);
    EXPECT_EQ(call.malformed, codec::name_of(one.error));
    EXPECT_EQ(call.received().substr(9, 3), one.status);
    EXPECT_TRUE(call.peer.was_ended());
    call.send(get);
    call.pass(milliseconds{1900});
    EXPECT_FALSE(call.closed);
    EXPECT_EQ(call.peer.unread(), 0U);
    EXPECT_TRUE(call.targets.empty());
    call.pass(milliseconds{200});
    EXPECT_EQ(call.closed, net::Closed::error);
  }
}

TEST(H1ConnectionEnd, a_head_beyond_the_limit_is_refused) {
  policy::Limits limits;
  limits.header = Bytes{1000};
  Call call{limits};
  call.send("GET /1 HTTP/1.1\r\nHost: a\r\nx-long: " + std::string(2000, 'x'));
  EXPECT_EQ(call.received().substr(9, 3), "431");
}

TEST(H1ConnectionEnd, half_closing_is_a_sign_of_going_and_still_answered) {
  Call call;
  Watcher watcher;
  call.send(get);
  call.stream->wake_on_change(&watcher);
  call.peer.end();
  call.settle();
  EXPECT_EQ(watcher.woken, 1);
  EXPECT_EQ(call.stream->caller(), Caller::gone);
  call.answer("hello");
  EXPECT_EQ(call.received(), ok("hello"));
  EXPECT_EQ(call.closed, net::Closed::peer);
}

TEST(H1ConnectionEnd, a_reset_makes_the_caller_gone_and_answering_harmless) {
  Call call;
  Watcher watcher;
  call.send(get);
  call.stream->wake_on_change(&watcher);
  call.peer.reset();
  call.settle();
  EXPECT_EQ(watcher.woken, 1);
  EXPECT_EQ(call.stream->caller(), Caller::gone);
  call.answer("hello");
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::error);
}

TEST(H1ConnectionEnd, bytes_without_a_whole_head_are_no_request) {
  for (const std::string_view bytes : {"", "GET /1 HTTP/1.1\r\nHost: a\r\n"}) {
    Call call;
    call.send(bytes);
    call.peer.end();
    call.settle();
    EXPECT_EQ(call.closed, bytes.empty() ? net::Closed::peer : net::Closed::error);
    EXPECT_TRUE(call.targets.empty());
  }
}

TEST(H1ConnectionEnd, the_last_of_its_requests_is_told_to_be) {
  policy::Limits limits;
  limits.requests = 2;
  Call call{limits};
  call.answers_at_once = true;
  call.send(get);
  EXPECT_EQ(call.received(), ok("/1"));
  call.send(get);
  EXPECT_EQ(call.received(), last_ok("/1"));
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::limit);
}

TEST(H1ConnectionEnd, draining_answers_what_comes_within_the_grace_and_closes) {
  Call crossing;
  crossing.answers_at_once = true;
  crossing.connection.drain();
  crossing.pass(milliseconds{900});
  crossing.send(get);
  EXPECT_EQ(crossing.received(), last_ok("/1"));
  EXPECT_TRUE(crossing.peer.was_ended());

  Call idle;
  idle.connection.drain();
  idle.pass(milliseconds{999});
  EXPECT_FALSE(idle.closed);
  idle.pass(milliseconds{2});
  EXPECT_EQ(idle.closed, net::Closed::drain);

  Call busy;
  busy.send(get);
  busy.connection.drain();
  busy.pass(seconds{5});
  busy.answer("hello");
  EXPECT_EQ(busy.received(), last_ok("hello"));
  busy.peer.end();
  busy.settle();
  EXPECT_EQ(busy.closed, net::Closed::drain);
}

TEST(H1ConnectionEnd, an_answer_that_was_cut_off_resets) {
  Call call;
  call.send(get);
  auto head = Call::head_of(http::BodyLength::chunked());
  call.stream->respond(head).write(std::string_view{"half"});
  call.stream->done(Ending::aborted);
  EXPECT_EQ(call.closed, net::Closed::error);
  EXPECT_EQ(call.received().find("\r\n0\r\n"), std::string::npos);
}

}  // namespace
}  // namespace weir::downstream
