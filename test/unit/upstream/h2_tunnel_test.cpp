#include <gtest/gtest.h>

#include "endpoint.h"

namespace weir::upstream {
namespace {

using http::Pull;
using State = Attempt::State;
using resilience::Failure;

std::span<const char> span_of(std::string_view text) { return {text.data(), text.size()}; }

TEST(H2Tunnel, a_websocket_crosses_as_extended_connect_and_comes_back_as_101) {
  Endpoint endpoint;
  auto head = Endpoint::get("/chat");
  head.upgrade = "websocket";
  head.fields.add("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
  head.fields.add("sec-websocket-version", "13");
  const auto asked = endpoint.ask(head);  // waits for SETTINGS by itself
  endpoint.settle();
  ASSERT_EQ(endpoint.servers[0].requests.size(), 1U);
  Received& request = endpoint.servers[0].requests[0];
  EXPECT_EQ(request.head.upgrade, "websocket");
  EXPECT_FALSE(request.head.fields.find("sec-websocket-key"));
  request.sending = "from the server";
  request.respond(Received::head_of(101));
  endpoint.settle();
  ASSERT_EQ(asked->attempt.state(), State::responding);
  EXPECT_EQ(asked->attempt.response().status, 101);
  EXPECT_EQ(asked->attempt.response().fields.find(http::Name::upgrade), "websocket");
  EXPECT_EQ(asked->attempt.response().fields.find("sec-websocket-accept"),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  asked->attempt.begin_tunnel();
  asked->attempt.request_body().write(span_of("from the client"));
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*asked), "from the server");
  EXPECT_EQ(request.body, "from the client");
  asked->attempt.request_body().finish(nullptr);
  request.finish();
  endpoint.settle();
  EXPECT_TRUE(request.ended);
  EXPECT_EQ(Endpoint::end_of(*asked), Pull::State::end);
}

TEST(H2Tunnel, an_upgrade_that_the_endpoint_answers_otherwise_is_an_ordinary_response) {
  Endpoint endpoint;
  auto head = Endpoint::get("/chat");
  head.upgrade = "websocket";
  const auto asked = endpoint.ask(head);
  endpoint.settle();
  endpoint.servers[0].requests[0].answer("no", 403);
  endpoint.settle();
  ASSERT_EQ(asked->attempt.state(), State::responding);
  EXPECT_EQ(asked->attempt.response().status, 403);
  EXPECT_EQ(Endpoint::read(*asked), "no");
}

TEST(H2Tunnel, an_upgrade_that_the_endpoint_does_not_take_is_refused_unsent) {
  Endpoint endpoint;
  auto head = Endpoint::get("/chat");
  head.upgrade = "websocket";
  const auto asked = endpoint.begin();
  Server& server = endpoint.accept();
  server.session_speaks = false;
  asked->attempt.send(head);
  endpoint.settle();
  EXPECT_EQ(asked->attempt.state(), State::waiting);
  server.peer.send(std::string_view{"\0\0\0\4\0\0\0\0\0", 9});  // SETTINGS without a word
  endpoint.settle();
  EXPECT_EQ(asked->attempt.failure(), Failure::stream_refused);
  EXPECT_FALSE(asked->attempt.bytes_written());
  EXPECT_FALSE(resilience::facts_of(asked->attempt.failure()).blames_endpoint);
}

TEST(H2Tunnel, connect_is_asked_of_the_endpoint) {
  Endpoint endpoint;
  http::RequestHead head;
  head.method = http::Method::connect;
  head.method_text = "CONNECT";
  head.authority = "db:5432";
  const auto asked = endpoint.ask(head);
  ASSERT_EQ(endpoint.servers[0].requests.size(), 1U);
  Received& request = endpoint.servers[0].requests[0];
  EXPECT_EQ(request.head.method, http::Method::connect);
  EXPECT_EQ(request.head.authority, "db:5432");
  request.sending = "raw";
  request.respond(Received::head_of(200));
  endpoint.settle();
  asked->attempt.begin_tunnel();
  asked->attempt.request_body().write(span_of("bytes"));
  endpoint.settle();
  EXPECT_EQ(Endpoint::read(*asked), "raw");
  EXPECT_EQ(request.body, "bytes");
}

}  // namespace
}  // namespace weir::upstream
