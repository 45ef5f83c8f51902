#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/codec/h1_head.h"

namespace weir::codec {
namespace {

using namespace std::string_literals;
using http::BodyLength;
using http::Method;

struct Outcome {
  std::string verdict;
  http::ResponseHead head;
};

std::string verdict_of(const std::expected<std::size_t, H1Error>& result) {
  if (!result) return std::string{describe(result.error())};
  return *result > 0 ? "accepted" : "incomplete";
}

Outcome parse(Method request, const std::string& text) {
  Outcome whole;
  ResponseHeadParser parser{whole.head};
  parser.reset(request);
  whole.verdict = verdict_of(parser.parse(text));
  http::ResponseHead head;
  ResponseHeadParser split{head};
  split.reset(request);
  std::string verdict = "incomplete";
  for (std::size_t end = 0; end <= text.size() && verdict == "incomplete"; ++end) {
    verdict = verdict_of(split.parse(std::string_view{text}.substr(0, end)));
  }
  EXPECT_EQ(verdict, whole.verdict) << text;
  if (verdict == "accepted") {
    EXPECT_EQ(head.body, whole.head.body);
  }
  return whole;
}

TEST(H1Response, refuses_what_two_parsers_could_read_differently) {
  using enum H1Error;
  const std::vector<std::pair<std::string, H1Error>> table{
      {"\r\nHTTP/1.1 200 OK\r\n\r\n", bad_version},
      {"200 OK\r\n\r\n", bad_version},
      {"http/1.1 200 OK\r\n\r\n", bad_version},
      {"HTTX/1.1 200 OK\r\n\r\n", bad_version},
      {"HTTP/2.0 200 OK\r\n\r\n", unsupported_version},
      {"HTTP/1.1  200 OK\r\n\r\n", bad_status},
      {"HTTP/1.1 20 OK\r\n\r\n", bad_status},
      {"HTTP/1.1 2000 OK\r\n\r\n", bad_status},
      {"HTTP/1.1 099 OK\r\n\r\n", bad_status},
      {"HTTP/1.1 600 OK\r\n\r\n", bad_status},
      {"HTTP/1.1 2x0 OK\r\n\r\n", bad_status},
      {"HTTP/1.1 200\tOK\r\n\r\n", bad_status},
      {"HTTP/1.1 200 O\0K\r\n\r\n"s, bad_status},
      {"HTTP/1.1\r\n\r\n      ", bad_status},
      {"HTTP/1.1 200\n\n    ", bare_lf},
      {"HTTP\n", bare_lf},
      {"HTTP/1.1 200 OK\n\n", bare_lf},
      {"HTTP/1.1 200 OK\rX\r\n\r\n", bare_cr},
      {"HTTP/1.1 200 OK\r\na : b\r\n\r\n", space_before_colon},
      {"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", folded_line},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
       several_content_lengths},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       length_with_coding},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", unknown_transfer_coding},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", coding_in_http_1_0},
      {"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", body_not_allowed},
      {"HTTP/1.1 101 Go\r\nTransfer-Encoding: chunked\r\n\r\n", body_not_allowed},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", body_not_allowed},
      {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", body_not_allowed},
  };
  for (const auto& [text, error] : table) {
    EXPECT_EQ(parse(Method::get, text).verdict, describe(error)) << text;
  }
  EXPECT_EQ(parse(Method::connect, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").verdict,
            describe(body_not_allowed));
}

TEST(H1Response, finds_the_length_of_the_body) {
  struct Row {
    Method request;
    std::string text;
    BodyLength body;
    bool keep_alive;
    bool keeps_length = false;
  };
  const std::string length = "Content-Length: 5\r\n\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<Row> table{
      {Method::get, "HTTP/1.1 200 OK\r\n" + length, BodyLength::known(5), true},
      {Method::get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", BodyLength::none(), true},
      {Method::get, "HTTP/1.1 200 OK\r\n" + chunked, BodyLength::chunked(), true},
      {Method::get, "HTTP/1.1 200 OK\r\n\r\n", BodyLength::until_close(), false},
      {Method::get, "HTTP/1.0 200 OK\r\n" + length, BodyLength::known(5), false},
      {Method::get, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + length, BodyLength::known(5),
       true},
      {Method::get, "HTTP/1.1 200 OK\r\nConnection: close\r\n" + length, BodyLength::known(5),
       false},
      {Method::get, "HTTP/1.1 204 No Content\r\n\r\n", BodyLength::none(), true},
      {Method::get, "HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n", BodyLength::none(), true},
      {Method::get, "HTTP/1.1 103 Early Hints\r\n\r\n", BodyLength::none(), true},
      {Method::get, "HTTP/1.1 304 Not Modified\r\n" + length, BodyLength::none(), true, true},
      {Method::get, "HTTP/1.1 304 Not Modified\r\n" + chunked, BodyLength::none(), true},
      {Method::head, "HTTP/1.1 200 OK\r\n" + length, BodyLength::none(), true, true},
      {Method::head, "HTTP/1.1 200 OK\r\n" + chunked, BodyLength::none(), true},
      {Method::head, "HTTP/1.1 200 OK\r\n\r\n", BodyLength::none(), true},
      {Method::connect, "HTTP/1.1 200 OK\r\n\r\n", BodyLength::none(), true},
      {Method::connect, "HTTP/1.1 502 No\r\n" + length, BodyLength::known(5), true},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.text);
    const Outcome outcome = parse(row.request, row.text);
    ASSERT_EQ(outcome.verdict, "accepted");
    EXPECT_EQ(outcome.head.body, row.body);
    EXPECT_EQ(outcome.head.keep_alive, row.keep_alive);
    EXPECT_EQ(outcome.head.fields.contains(http::Name::content_length), row.keeps_length);
  }
}

TEST(H1Response, reads_status_and_phrase_also_when_the_phrase_or_its_space_is_missing) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"HTTP/1.1 404 Not Found\r\n\r\n", "Not Found"},
      {"HTTP/1.1 404 \r\n\r\n", ""},
      {"HTTP/1.1 404\r\n\r\n", ""},
      {"HTTP/1.1 404 Pas trouv\xc3\xa9\r\n\r\n", "Pas trouv\xc3\xa9"},
  };
  for (const auto& [text, reason] : table) {
    const Outcome outcome = parse(Method::get, text);
    EXPECT_EQ(outcome.verdict, "accepted") << text;
    EXPECT_EQ(outcome.head.status, 404);
    EXPECT_EQ(outcome.head.reason, reason);
  }
}

TEST(H1Response, reads_the_final_head_after_an_interim_one) {
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
  http::ResponseHead head;
  ResponseHeadParser parser{head};
  parser.reset(Method::post);
  const std::size_t interim = parser.parse(text).value_or(0);
  ASSERT_EQ(interim, 25U);
  EXPECT_TRUE(head.informational());
  parser.reset(Method::post);
  EXPECT_EQ(parser.parse(std::string_view{text}.substr(interim)).value_or(0),
            text.size() - interim);
  EXPECT_EQ(head.body, BodyLength::known(7));
}

}  // namespace
}  // namespace weir::codec
