#include "weir/codec/h1_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "weir/codec/h1_body.h"
#include "weir/codec/h1_head.h"

namespace weir::codec {
namespace {

using http::BodyLength;
using http::Method;

http::RequestHead request(Method method, BodyLength body) {
  http::RequestHead head;
  head.method = method;
  head.method_text = http::name_of(method);
  head.target = "/x?y";
  head.authority = "a:80";
  head.body = body;
  head.fields.add("X-One", "1");
  return head;
}

std::string written(const http::RequestHead& head) {
  std::string out;
  write_request_head(head, out);
  return out;
}

std::string written(const http::ResponseHead& head, Method method = Method::get) {
  std::string out;
  write_response_head(head, out, method);
  return out;
}

TEST(H1Writer, writes_requests_with_the_framing_of_their_body) {
  const std::string start = " /x?y HTTP/1.1\r\nHost: a:80\r\nX-One: 1\r\n";
  EXPECT_EQ(written(request(Method::get, {})), "GET" + start + "\r\n");
  EXPECT_EQ(written(request(Method::post, {})), "POST" + start + "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(written(request(Method::put, BodyLength::known(5))),
            "PUT" + start + "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(written(request(Method::post, BodyLength::chunked())),
            "POST" + start + "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(H1Writer, writes_connect_and_upgrades) {
  auto head = request(Method::connect, {});
  head.target.clear();
  EXPECT_EQ(written(head), "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nX-One: 1\r\n\r\n");
  head = request(Method::get, {});
  head.upgrade = "websocket";
  EXPECT_EQ(written(head),
            "GET /x?y HTTP/1.1\r\nHost: a:80\r\nX-One: 1\r\nConnection: upgrade\r\n"
            "Upgrade: websocket\r\n\r\n");
}

TEST(H1Writer, never_writes_a_second_framing_or_host_out_of_the_fields) {
  auto head = request(Method::post, BodyLength::chunked());
  head.fields.add("content-length", "7");
  head.fields.add("Transfer-Encoding", "gzip");
  head.fields.add("host", "b");
  EXPECT_EQ(written(head), written(request(Method::post, BodyLength::chunked())));
  http::ResponseHead response;
  response.status = 200;
  response.body = BodyLength::chunked();
  response.fields.add("content-length", "7");
  EXPECT_EQ(written(response), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(H1Writer, says_how_long_a_response_is) {
  const auto text = [](std::uint16_t status, BodyLength body, Method method) {
    http::ResponseHead head;
    head.status = status;
    head.reason = "R";
    head.body = body;
    const std::string all = written(head, method);
    return all.substr(all.find("\r\n") + 2);
  };
  EXPECT_EQ(text(200, BodyLength::known(5), Method::get), "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(text(200, {}, Method::get), "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(text(404, {}, Method::connect), "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(text(200, BodyLength::until_close(), Method::get), "\r\n");
  for (const auto status : std::initializer_list<std::uint16_t>{100, 101, 103, 204, 304}) {
    EXPECT_EQ(text(status, {}, Method::get), "\r\n");
  }
  EXPECT_EQ(text(200, {}, Method::head), "\r\n");
  EXPECT_EQ(text(200, {}, Method::connect), "\r\n");
}

TEST(H1Writer, keeps_the_length_that_describes_what_is_not_sent) {
  http::ResponseHead head;
  head.status = 304;
  head.fields.add("Content-Length", "7");
  EXPECT_EQ(written(head), "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
  head.status = 204;
  EXPECT_EQ(written(head), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(H1Writer, tells_the_peer_what_becomes_of_the_connection) {
  http::ResponseHead head;
  head.status = 101;
  head.fields.add("Upgrade", "websocket");
  EXPECT_EQ(
      written(head),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  head.status = 426;
  head.keep_alive = false;
  EXPECT_NE(written(head).find("\r\nConnection: upgrade, close\r\n"), std::string::npos);
  head.fields.clear();
  EXPECT_NE(written(head).find("\r\nConnection: close\r\n"), std::string::npos);
}

TEST(H1Writer, writes_chunks_that_the_decoder_reads) {
  std::string out;
  http::Fields trailers;
  trailers.add("grpc-status", "0");
  trailers.add("content-length", "5");
  write_chunk_header(26, out);
  out.append(26, 'x').append(chunk_end);
  write_last_chunk(&trailers, out);
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n0\r\ngrpc-status: 0\r\n\r\n");
  out.clear();
  write_last_chunk(nullptr, out);
  EXPECT_EQ(out, "0\r\n\r\n");
}

TEST(H1Writer, writes_what_the_parser_reads_back) {
  auto head = request(Method::put, BodyLength::known(1ULL << 40U));
  head.fields.add("empty", "");
  head.fields.add("x-bytes", "\xc3\xa4 \t \xff");
  head.fields.add("X-One", "again");
  http::RequestHead read;
  RequestHeadParser parser{read};
  const std::string text = written(head);
  ASSERT_EQ(parser.parse(text).value_or(0), text.size());
  EXPECT_EQ(read.target, head.target);
  EXPECT_EQ(read.authority, head.authority);
  EXPECT_EQ(read.body, head.body);
  ASSERT_EQ(read.fields.size(), head.fields.size());
  for (std::size_t index = 0; index < read.fields.size(); ++index) {
    EXPECT_EQ(read.fields[index].name, head.fields[index].name);
    EXPECT_EQ(read.fields[index].value, head.fields[index].value);
  }
}

// Where asserts are on the process ends; where they are off the field is left out.
TEST(H1WriterDeathTest, never_lets_a_line_end_out_of_a_value_or_name) {
  const auto wrong = [](std::string_view name, std::string_view value) {
    auto head = request(Method::get, {});
    head.fields.add(name, value);
    return head;
  };
  const std::string plain = written(request(Method::get, {}));
  using namespace std::string_view_literals;
  for (const auto& head : {wrong("a", "b\r\nHost: c"), wrong("a", "b\0"sv), wrong("a", "\n"),
                           wrong("a\r\nb", "c"), wrong("a:b", "c"), wrong("", "c")}) {
    EXPECT_DEBUG_DEATH(EXPECT_EQ(written(head), plain), "clean");
  }
  auto head = request(Method::get, {});
  head.target = "/x?y\r\n\r\n";
  EXPECT_DEBUG_DEATH(EXPECT_EQ(written(head), plain), "clean");
}

}  // namespace
}  // namespace weir::codec
