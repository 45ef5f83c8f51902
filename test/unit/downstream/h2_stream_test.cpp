// WebSockets and tunnels over HTTP/2 (RFC 8441): success is only what an upstream has switched to.

#include "weir/downstream/h2_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "h2_call.h"
#include "weir/http/websocket.h"

namespace weir::downstream {
namespace {

http::RequestHead websocket_head() {
  auto head = H2Call::request_head("/chat", http::Method::get);
  head.upgrade = "websocket";
  return head;
}

http::ResponseHead answer_to(const http::RequestHead& head) {
  auto answer = H2Call::head_of({}, 101);
  answer.fields.add(http::Name::upgrade, "websocket");
  answer.fields.add("sec-websocket-accept",
                    http::websocket_accept(*head.fields.find("sec-websocket-key")));
  return answer;
}

TEST(H2Stream, a_websocket_gets_the_handshake_that_http_1_1_needs) {
  H2Call call;
  H2Exchange& socket = call.open(websocket_head());
  call.settle();
  http::RequestHead& head = call.streams.at(0)->head();
  EXPECT_EQ(head.upgrade, "websocket");
  EXPECT_EQ(head.fields.find("sec-websocket-version"), "13");
  auto answer = answer_to(head);
  http::Sink& sink = call.streams[0]->respond(answer);
  call.streams[0]->begin_tunnel();
  sink.write(std::string_view{"hello"});
  call.settle();
  EXPECT_EQ(socket.fields.find("sec-websocket-accept"), std::nullopt);
  EXPECT_EQ(socket.fields.find(http::Name::upgrade), std::nullopt);
  EXPECT_EQ(socket.body, "hello");

  socket.write("hi");
  socket.finish();
  call.settle();
  http::Source& source = call.streams[0]->body();
  EXPECT_EQ(source.pull().bytes.size(), 2U);
  source.consume(2);
  EXPECT_EQ(source.pull().state, http::Pull::State::end);
  EXPECT_EQ(call.streams[0]->caller(), Caller::present) << "each side has an end of its own";
  sink.write(std::string_view{" again"});
  sink.finish(nullptr);
  call.streams[0]->done(Ending::complete);
  call.settle();
  EXPECT_EQ(socket.body, "hello again");
  EXPECT_EQ(socket.closed, codec::H2Error::no_error);
}

TEST(H2Stream, what_is_no_switch_is_no_success) {
  struct Case {
    std::uint16_t status;
    std::string_view accept;
  };
  constexpr Case cases[] = {{101, ""}, {101, "bm9uc2Vuc2U="}, {200, ""}, {204, ""}};
  for (const Case& one : cases) {
    H2Call call;
    H2Exchange& socket = call.open(websocket_head());
    call.settle();
    auto answer = H2Call::head_of({}, one.status);
    if (!one.accept.empty()) answer.fields.add("sec-websocket-accept", one.accept);
    EXPECT_TRUE(call.streams.at(0)->respond(answer).failed());
    EXPECT_EQ(answer.status, 502);
    call.abort(0);
    call.settle();
    EXPECT_EQ(socket.status, 502);
    EXPECT_TRUE(socket.ended);
    EXPECT_EQ(socket.closed, codec::H2Error::no_error);
  }
}

TEST(H2Stream, a_refused_websocket_is_told_why) {
  H2Call call;
  H2Exchange& socket = call.open(websocket_head());
  call.settle();
  auto answer = H2Call::head_of(http::BodyLength::known(2), 403);
  http::Sink& sink = call.streams.at(0)->respond(answer);
  sink.write(std::string_view{"no"});
  sink.finish(nullptr);
  call.streams[0]->done(Ending::complete);
  call.settle();
  EXPECT_EQ(socket.status, 403);
  EXPECT_EQ(socket.body, "no");
}

TEST(H2Stream, connect_opens_a_tunnel) {
  H2Call call;
  auto head = H2Call::request_head("", http::Method::connect);
  head.scheme.clear();
  head.authority = "catalog:443";
  H2Exchange& tunnel = call.open(head);
  call.settle();
  auto answer = H2Call::head_of({});
  http::Sink& sink = call.streams.at(0)->respond(answer);
  call.streams[0]->begin_tunnel();
  sink.write(std::string_view{"hello"});
  call.settle();
  EXPECT_EQ(tunnel.status, 200);
  EXPECT_EQ(tunnel.body, "hello");
  EXPECT_FALSE(tunnel.ended);
  call.abort(0);
}

}  // namespace
}  // namespace weir::downstream
