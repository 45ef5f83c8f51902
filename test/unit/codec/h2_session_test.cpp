// Exchanges between two sessions: what one end says is what the other hears.
#include "weir/codec/h2_session.h"

#include <gtest/gtest.h>

#include "h2_pair.h"

namespace weir::codec {
namespace {

using http::BodyLength;
using http::Method;

TEST(H2Session, announces_its_preface_and_settings) {
  End client{H2Session::Role::client};
  EXPECT_TRUE(client.session->wants_to_send());
  EXPECT_TRUE(client.sent().starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  EXPECT_FALSE(client.session->wants_to_send());
  EXPECT_FALSE(client.session->over());
}

TEST(H2Session, carries_requests_as_they_are) {
  Connected two;
  http::RequestHead head = request_to("/v1/items?page=2", Method::post, BodyLength::known(5));
  head.fields.add("Accept", "text/plain");
  head.fields.add("x-request-id", "7f3a");
  head.fields.add("te", "trailers, deflate");
  auto [asked, heard] = two.exchange(head, "hello");
  EXPECT_EQ(heard.request.method, Method::post);
  EXPECT_EQ(heard.request.method_text, "POST");
  EXPECT_EQ(heard.request.target, "/v1/items?page=2");
  EXPECT_EQ(heard.request.authority, "catalog:8080");
  EXPECT_EQ(heard.request.scheme, "http");
  EXPECT_EQ(heard.request.version, http::Version::http_2);
  EXPECT_EQ(heard.request.body, BodyLength::known(5));
  EXPECT_EQ(lines_of(heard.request.fields), "accept=text/plain\nx-request-id=7f3a\nte=trailers\n");
  EXPECT_EQ(heard.data, "hello");
  EXPECT_TRUE(heard.ended);
  EXPECT_TRUE(heard.open());
  EXPECT_TRUE(asked.head_sent());
}

TEST(H2Session, carries_responses_as_they_are) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  EXPECT_TRUE(heard.ended);
  http::ResponseHead head = response_of(200, BodyLength::known(5));
  head.fields.add("Content-Type", "text/plain");
  two.server.answer(heard, head, "hello");
  EXPECT_FALSE(heard.head_sent());
  EXPECT_TRUE(two.server.output_announced);
  two.pump();
  ASSERT_EQ(asked.responses.size(), 1U);
  EXPECT_EQ(asked.responses[0].status, 200);
  EXPECT_EQ(asked.responses[0].body, BodyLength::known(5));
  EXPECT_EQ(lines_of(asked.responses[0].fields), "content-type=text/plain\n");
  EXPECT_EQ(asked.data, "hello");
  EXPECT_TRUE(asked.ended);
  EXPECT_EQ(asked.closed, H2Error::no_error);
  EXPECT_EQ(heard.closed, H2Error::no_error);
  EXPECT_TRUE(heard.head_sent());
  EXPECT_FALSE(heard.open() || asked.open());
  EXPECT_EQ(two.server.session->streams() + two.client.session->streams(), 0U);
}

TEST(H2Session, names_once_what_has_another_value_each_time) {
  Connected two;
  std::vector<std::size_t> sizes;
  for (const std::string_view id : {"a1", "b2", "c3", "d4"}) {
    http::RequestHead head = request_to("/", Method::get);
    head.fields.add(http::Name::x_request_id, id);
    two.client.ask(head);
    const std::string sent = two.client.sent();
    sizes.push_back(sent.size());
    two.server.session->receive(sent, two.now);
    EXPECT_EQ(two.server.seen.back().request.fields.find(http::Name::x_request_id), id);
  }
  EXPECT_LT(sizes[1], sizes[0]);
  EXPECT_EQ(sizes[2], sizes[1]);
  EXPECT_EQ(sizes[3], sizes[1]);
}

TEST(H2Session, writes_no_field_of_a_connection) {
  Connected two;
  http::RequestHead head = request_to("/", Method::get);
  http::ResponseHead answer = response_of(200);
  for (const auto* const name :
       {"Connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host",
        "http2-settings", "content-length"}) {
    head.fields.add(name, "7");
    answer.fields.add(name, "7");
  }
  head.fields.add("te", "gzip");
  head.fields.add("bad name", "x");
  head.fields.add("x-split", "a\r\nb: c");
  head.fields.add("x-space", " a");
  auto [asked, heard] = two.exchange(head);
  EXPECT_EQ(lines_of(heard.request.fields), "");
  two.server.answer(heard, answer);
  two.pump();
  ASSERT_EQ(asked.responses.size(), 1U);
  EXPECT_EQ(lines_of(asked.responses[0].fields), "");
}

struct Length {
  Method method;
  std::uint16_t status;
  BodyLength body;
  std::string_view field;    // Content-Length that the response's fields hold
  std::string_view arrives;  // in the fields of the response
  BodyLength becomes;
};

TEST(H2Session, frames_responses_by_their_body_and_keeps_a_length_that_describes) {
  const Length table[] = {
      {Method::get, 200, BodyLength::known(3), "", "", BodyLength::known(3)},
      {Method::get, 200, BodyLength::known(3), "4", "", BodyLength::known(3)},
      {Method::get, 200, BodyLength::chunked(), "", "", BodyLength::chunked()},
      {Method::get, 200, BodyLength::until_close(), "", "", BodyLength::chunked()},
      {Method::get, 200, BodyLength::none(), "4", "", BodyLength::none()},
      {Method::head, 200, BodyLength::none(), "4", "content-length=4\n", BodyLength::none()},
      {Method::get, 304, BodyLength::none(), "4", "content-length=4\n", BodyLength::none()},
      {Method::get, 204, BodyLength::none(), "4", "", BodyLength::none()},
  };
  for (const Length& one : table) {
    Connected two;
    auto [asked, heard] = two.exchange(request_to("/", one.method));
    http::ResponseHead head = response_of(one.status, one.body);
    if (!one.field.empty()) head.fields.add("content-length", one.field);
    two.server.answer(heard, head, "abc");
    two.pump();
    ASSERT_EQ(asked.responses.size(), 1U);
    EXPECT_EQ(lines_of(asked.responses[0].fields), one.arrives) << one.status;
    EXPECT_EQ(asked.responses[0].body, one.becomes) << one.status;
    EXPECT_EQ(asked.data, one.body.empty() ? "" : "abc");
    EXPECT_EQ(asked.closed, H2Error::no_error);
  }
}

TEST(H2Session, a_head_in_answer_to_head_ends_the_stream_whatever_its_body) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::head));
  two.server.answer(heard, response_of(200, BodyLength::known(5)), "hello");
  two.pump();
  ASSERT_EQ(asked.responses.size(), 1U);
  EXPECT_EQ(asked.responses[0].fields.find(http::Name::content_length), "5");
  EXPECT_EQ(asked.data, "");
  EXPECT_EQ(asked.closed, H2Error::no_error);
}

TEST(H2Session, informational_heads_come_before_the_final_one) {
  Connected two;
  http::RequestHead head = request_to("/", Method::post, BodyLength::chunked());
  head.fields.add("expect", "100-continue");
  SeenStream& asked = two.client.add();
  asked.body.complete = false;
  two.client.session->request(asked, head, asked.body);
  two.pump();
  SeenStream& heard = two.server.seen.back();
  EXPECT_TRUE(heard.request.expects_continue);
  two.server.session->inform(heard, response_of(100));
  http::ResponseHead hints = response_of(103);
  hints.fields.add("link", "</a.css>");
  two.server.session->inform(heard, hints);
  two.pump();
  EXPECT_FALSE(heard.head_sent());
  asked.body.text = "hi";
  asked.body.complete = true;
  two.client.session->resume(asked);
  two.server.answer(heard, response_of(200));
  two.pump();
  ASSERT_EQ(asked.responses.size(), 3U);
  EXPECT_EQ(asked.responses[0].status, 100);
  EXPECT_EQ(lines_of(asked.responses[1].fields), "link=</a.css>\n");
  EXPECT_EQ(asked.responses[2].status, 200);
  EXPECT_EQ(heard.data, "hi");
  EXPECT_EQ(asked.closed, H2Error::no_error);
}

TEST(H2Session, trailers_go_both_ways) {
  for (const std::string body : {"", "hello"}) {
    Connected two;
    SeenStream& asked = two.client.add();
    asked.body.text = body;
    asked.body.has_trailers = true;
    asked.body.fields.add("x-checksum", "1");
    asked.body.fields.add("Content-Length", "9");  // RFC 9110, 6.5.1: never written
    asked.body.fields.add("authorization", "no");
    const auto head = request_to("/", Method::post, BodyLength::chunked());
    two.client.session->request(asked, head, asked.body);
    two.pump();
    SeenStream& heard = two.server.seen.back();
    ASSERT_TRUE(heard.trailers.has_value());
    EXPECT_EQ(lines_of(*heard.trailers), "x-checksum=1\n");
    EXPECT_EQ(heard.data, body);
    heard.body.has_trailers = true;
    heard.body.fields.add("grpc-status", "0");
    two.server.answer(heard, response_of(200, BodyLength::chunked()), body);
    two.pump();
    ASSERT_TRUE(asked.trailers.has_value());
    EXPECT_EQ(lines_of(*asked.trailers), "grpc-status=0\n");
    EXPECT_EQ(asked.data, body);
    EXPECT_EQ(asked.closed, H2Error::no_error);
    EXPECT_EQ(heard.closed, H2Error::no_error);
  }
}

TEST(H2Session, trailers_that_hold_nothing_are_not_sent) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  heard.body.has_trailers = true;
  heard.body.fields.add("connection", "close");
  two.server.answer(heard, response_of(200, BodyLength::chunked()), "x");
  two.pump();
  EXPECT_TRUE(asked.ended);
  EXPECT_FALSE(asked.trailers.has_value());
}

TEST(H2Session, the_last_data_frame_carries_the_end) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  two.server.answer(heard, response_of(200, BodyLength::known(3)), "abc");
  const std::string bytes = two.server.sent();
  const std::string last{
      "\x00\x00\x03\x00\x01\x00\x00\x00\x01"
      "abc",
      12};
  EXPECT_TRUE(bytes.ends_with(last));
}

TEST(H2Session, a_body_that_comes_later_is_sent_when_it_comes) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  heard.body.complete = false;
  two.server.answer(heard, response_of(200, BodyLength::chunked()), "one");
  two.pump();
  EXPECT_EQ(asked.data, "one");
  EXPECT_FALSE(two.server.session->wants_to_send());
  heard.body.text = " two";
  two.server.session->resume(heard);
  EXPECT_TRUE(two.server.output_announced);
  two.pump();
  EXPECT_EQ(asked.data, "one two");
  EXPECT_FALSE(asked.ended);
  heard.body.complete = true;
  two.server.session->resume(heard);
  two.pump();
  EXPECT_TRUE(asked.ended);
}

TEST(H2Session, extended_connect_opens_a_tunnel) {
  Connected two;
  ASSERT_TRUE(two.client.session->takes_upgrades());
  http::RequestHead head = request_to("/chat", Method::get);
  head.upgrade = "websocket";
  head.fields.add("sec-websocket-version", "13");
  head.fields.add("sec-websocket-key", "gone");
  SeenStream& asked = two.client.add();
  asked.body.complete = false;
  two.client.session->request(asked, head, asked.body);
  two.pump();
  SeenStream& heard = two.server.seen.back();
  EXPECT_EQ(heard.request.method, Method::get);
  EXPECT_EQ(heard.request.method_text, "GET");
  EXPECT_EQ(heard.request.upgrade, "websocket");
  EXPECT_EQ(heard.request.target, "/chat");
  EXPECT_TRUE(heard.request.body.empty());
  EXPECT_EQ(lines_of(heard.request.fields), "sec-websocket-version=13\n");
  EXPECT_FALSE(heard.ended);
  http::ResponseHead answer = response_of(101);
  answer.fields.add("upgrade", "websocket");
  answer.fields.add("sec-websocket-accept", "gone");
  heard.body.complete = false;
  two.server.answer(heard, answer, "from the server");
  asked.body.text = "from the client";
  two.client.session->resume(asked);
  two.pump();
  ASSERT_EQ(asked.responses.size(), 1U);
  EXPECT_EQ(asked.responses[0].status, 200);
  EXPECT_EQ(lines_of(asked.responses[0].fields), "");
  EXPECT_EQ(asked.data, "from the server");
  EXPECT_EQ(heard.data, "from the client");
  asked.body.complete = heard.body.complete = true;
  two.client.session->resume(asked);
  two.server.session->resume(heard);
  two.pump();
  EXPECT_EQ(asked.closed, H2Error::no_error);
}

TEST(H2Session, plain_connect_names_a_host_and_a_port) {
  Connected two;
  http::RequestHead head = request_to("", Method::connect);
  SeenStream& asked = two.client.add();
  asked.body.complete = false;
  two.client.session->request(asked, head, asked.body);
  two.pump();
  SeenStream& heard = two.server.seen.back();
  EXPECT_EQ(heard.request.method, Method::connect);
  EXPECT_EQ(heard.request.authority, "catalog:8080");
  EXPECT_EQ(heard.request.target, "");
  two.server.answer(heard, response_of(200), "raw");
  two.pump();
  EXPECT_EQ(asked.data, "raw");
}

TEST(H2Session, whole_equals_byte_by_byte) {
  const auto run = [](std::size_t size) {
    Connected two;
    std::string transcript;
    for (int round = 0; round < 3; ++round) {
      http::RequestHead head = request_to("/x", Method::post, BodyLength::chunked());
      head.fields.add("cookie", "a=1");
      SeenStream& asked = two.client.ask(head, std::string(20'000, 'q'));
      two.pump(size);
      SeenStream& heard = two.server.seen.back();
      heard.body.has_trailers = true;
      heard.body.fields.add("x-after", "1");
      two.server.answer(heard, response_of(200, BodyLength::chunked()), std::string(70'000, 'a'));
      two.pump(size);
      transcript += lines_of(heard.request.fields) + heard.data + asked.data +
                    lines_of(asked.trailers.value_or(http::Fields{}));
      EXPECT_EQ(asked.closed, H2Error::no_error);
    }
    return transcript;
  };
  EXPECT_EQ(run(everything), run(1));
  EXPECT_EQ(run(everything), run(7));
}

TEST(H2Session, sends_no_more_than_was_asked_for_at_a_time) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  two.server.answer(heard, response_of(200, BodyLength::known(60'000)), std::string(60'000, 'x'));
  std::size_t total = 0;
  while (two.server.session->wants_to_send()) {
    const std::string bytes = two.server.sent(10'000);
    EXPECT_LT(bytes.size(), 10'000U + 16'384U + 9U);
    ASSERT_FALSE(bytes.empty());
    total += bytes.size();
    two.client.session->receive(bytes, two.now);
  }
  EXPECT_GT(total, 60'000U);
  EXPECT_EQ(asked.data.size(), 60'000U);
  EXPECT_TRUE(asked.ended);
}

TEST(H2Session, says_whether_a_head_is_on_its_way) {
  End client{H2Session::Role::client};
  End server{H2Session::Role::server};
  const std::string preface = client.sent();
  EXPECT_TRUE(server.session->in_head());
  server.session->receive(std::span{preface}.first(10), {});
  EXPECT_TRUE(server.session->in_head());
  server.session->receive(std::span{preface}.subspan(10), {});
  EXPECT_FALSE(server.session->in_head());
  client.ask(request_to("/", Method::get));
  const std::string head = client.sent();
  server.session->receive(std::span{head}.first(head.size() - 1), {});
  EXPECT_TRUE(server.session->in_head());
  server.session->receive(std::span{head}.subspan(head.size() - 1), {});
  EXPECT_FALSE(server.session->in_head());
  EXPECT_EQ(server.seen.size(), 1U);
}

}  // namespace
}  // namespace weir::codec
