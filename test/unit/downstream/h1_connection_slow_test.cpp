// Answers reach slow callers whole, and say what becomes of the connection.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "call.h"

namespace weir::downstream {
namespace {

using std::chrono::seconds;

TEST(H1ConnectionSlow, a_slow_half_closed_caller_gets_its_whole_answer) {
  Call call;
  call.send(get);
  call.peer.end();
  call.settle();
  call.peer.take(10);
  call.answer("hello");
  std::string got = call.received();
  EXPECT_FALSE(call.closed);
  if (!call.closed) call.peer.take_everything();
  EXPECT_EQ(got + call.received(), ok("hello"));
}

TEST(H1ConnectionSlow, a_slow_caller_gets_its_whole_last_answer) {
  Call call;
  call.send("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  call.peer.take(10);
  call.answer("hello");
  std::string got = call.received();
  call.pass(seconds{3});
  EXPECT_FALSE(call.closed);
  if (!call.closed) call.peer.take_everything();
  EXPECT_EQ(got + call.received(), last_ok("hello"));
}

TEST(H1ConnectionSlow, draining_does_not_cut_an_answer_off_that_a_slow_caller_still_reads) {
  Call call;
  call.send(get);
  call.peer.take(10);
  call.answer("hello");
  std::string got = call.received();
  call.connection.drain();
  call.pass(seconds{2});
  EXPECT_FALSE(call.closed);
  if (!call.closed) call.peer.take_everything();
  EXPECT_EQ(got + call.received(), ok("hello"));
}

TEST(H1ConnectionSlow, continue_is_never_said_behind_the_final_head) {
  Call call;
  call.send("POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  auto head = Call::head_of(http::BodyLength::known(5));
  http::Sink& sink = call.stream->respond(head);
  EXPECT_EQ(call.stream->body().pull().state, http::Pull::State::pending);
  sink.write(std::string_view{"hello"});
  sink.finish(nullptr);
  EXPECT_EQ(call.received().find("100 Continue"), std::string::npos);
}

TEST(H1ConnectionSlow, an_answer_without_the_body_says_that_the_connection_ends) {
  Call call;
  call.send("POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 34\r\n\r\n");
  call.answer("no");
  EXPECT_EQ(call.received(), last_ok("no"));
}

}  // namespace
}  // namespace weir::downstream
