// What a connection's first bytes say: pure, whole and byte by byte.

#include "net/greeting.h"

#include <gtest/gtest.h>

#include "client_hello_bytes.h"

namespace weir::net {
namespace {

using Kind = Greeting::Kind;

std::optional<Kind> kind_of(std::string_view text) {
  const auto greeting = recognise(text);
  return greeting ? std::optional{greeting->kind} : std::nullopt;
}

TEST(Greeting, is_told_by_its_first_bytes) {
  const std::pair<std::string_view, std::optional<Kind>> cases[] = {
      {"", std::nullopt},
      {"GET / HTTP/1.1\r\n", Kind::http_1},
      {"GET /a?b HTTP/1.0\r\n", Kind::http_1},
      {"OPTIONS * HTTP/1.1\r\n", Kind::http_1},
      {"CONNECT db:5432 HTTP/1.1\r\n", Kind::http_1},
      {"CONNECT [::1]:80 HTTP/1.1\r\n", Kind::http_1},
      {"GET http://catalog/ HTTP/1.1\r\n", Kind::http_1},
      {"M-SEARCH /x HTTP/1.1\r\n", Kind::http_1},
      {"get / HTTP/1.1", Kind::http_1},
      {"GET / HTTP/1.", std::nullopt},
      {"GET / HTTP/2.0\r\n", Kind::unclear},
      {"GET /\r\n", Kind::opaque},  // HTTP/0.9
      {"GET /\r\nX: HTTP/1.1\r\n", Kind::opaque},
      {"GET  / HTTP/1.1", Kind::unclear},
      {" GET / HTTP/1.1", Kind::unclear},
      {"\r\nGET / HTTP/1.1", Kind::unclear},
      {"\n\tGET / http/1.1", Kind::unclear},
      {"GET \"/ HTTP/1.1", Kind::unclear},
      {"GET \"/ x", std::nullopt},
      {"\r\n", std::nullopt},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\nGET / HTTP/1.1\r\n", Kind::opaque},
      {std::string_view{"GET / \0HTTP/1.1", 15}, Kind::opaque},
      {"G\x01T", Kind::opaque},
      {"EHLO mail.example.org\r\n", Kind::opaque},
      {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Kind::opaque},
      {"USER anonymous\r\n", Kind::opaque},
      {"*1\r\n$4\r\nPING\r\n", Kind::opaque},
      {std::string_view{"\0\0\0\x08\x04\xd2\x16\x2f", 8}, Kind::opaque},  // PostgreSQL
      {"a_token_of_more_than_thirty_two_letters", Kind::opaque},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Kind::http_2},
      {std::string_view{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", 27}, Kind::http_2},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n", std::nullopt},
      {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Kind::unclear},
      {"PROPFIND / HTTP/1.1\r\n", Kind::http_1},
      {"\x16", std::nullopt},
      {"\x16\x02", Kind::opaque},
      {"\x15\x03\x03", Kind::opaque},
  };
  for (const auto& [text, kind] : cases) EXPECT_EQ(kind_of(text), kind) << text;
}

TEST(Greeting, is_the_same_byte_by_byte) {
  const std::string whole[] = {"GET /index.html HTTP/1.1\r\nHost: a\r\n", "EHLO a\r\nMAIL",
                               "\r\nGET  / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore",
                               client_hello({.server_name = "catalog.test", .alpn = {"h2"}})};
  for (const std::string& text : whole) {
    const auto expected = kind_of(text);
    std::optional<Kind> found;
    for (std::size_t size = 1; !found && size <= text.size(); ++size) {
      found = kind_of(std::string_view{text}.substr(0, size));
    }
    EXPECT_EQ(found, expected) << text;
  }
}

TEST(Greeting, at_last_is_the_best_guess) {
  const std::pair<std::string_view, Kind> cases[] = {
      {"", Kind::silent},
      {"GET", Kind::unclear},
      {"GET ", Kind::unclear},
      {"GET /", Kind::http_1},
      {"GET /x HTTP/", Kind::http_1},
      {"\x16\x03\x01", Kind::tls},
      {"PRI * HT", Kind::http_1},
      {"EHLO a\r\n", Kind::opaque},
      {"P", Kind::unclear},
      {"\r\n", Kind::unclear},
      {"PRI * HTTP/2.0\r\n\r\nS", Kind::unclear},
  };
  for (const auto& [text, kind] : cases) EXPECT_EQ(recognise_at_last(text).kind, kind) << text;
}

TEST(Greeting, a_request_line_of_more_than_is_looked_at_is_unclear) {
  const std::string line = "GET /" + std::string(20000, 'x') + " HTTP/1.1\r\n";
  EXPECT_EQ(kind_of(line), Kind::unclear);
  EXPECT_EQ(kind_of(std::string_view{line}.substr(0, 16383)), std::nullopt);
  EXPECT_EQ(kind_of(std::string_view{line}.substr(0, 16384)), Kind::unclear);
}

}  // namespace
}  // namespace weir::net
