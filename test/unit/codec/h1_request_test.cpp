#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "weir/codec/h1_head.h"

namespace weir::codec {
namespace {

using namespace std::string_literals;

// What a parser said in the end, and after how many bytes.
struct Verdict {
  std::expected<std::size_t, H1Error> result{0};
  std::size_t after = 0;
};

// Feeds the prefixes of `text` that end at `ends`, and at its own end.
Verdict feed(RequestHeadParser& parser, std::string_view text,
             const std::vector<std::size_t>& ends = {}) {
  for (const std::size_t end : ends) {
    const auto result = parser.parse(text.substr(0, end));
    if (!result || *result > 0) return {result, end};
  }
  return {parser.parse(text), text.size()};
}

std::vector<std::size_t> byte_by_byte(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t end = 0; end < text.size(); ++end) ends.push_back(end);
  return ends;
}

std::string name_of(const std::expected<std::size_t, H1Error>& result) {
  if (!result) return std::string{describe(result.error())};
  return *result > 0 ? "accepted" : "incomplete";
}

struct Refusal {
  std::string text;
  H1Error error;
};

// A request with that line in its head.
std::string with(std::string_view line) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string{line} + "\r\n\r\n";
}
std::string with_target(std::string_view target, std::string_view method = "GET") {
  return std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n\r\n";
}
std::string with_host(std::string_view host) {
  return "GET / HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n";
}

const std::vector<Refusal>& refusals() {
  using enum H1Error;
  static const std::vector<Refusal> table{
      // The request line.
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", bad_method},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bad_method},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bare_lf},
      {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", bare_cr},
      {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", bad_method},
      {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", bad_method},
      {"GET\r\nHost: a\r\n\r\n", bad_method},
      {"GET\n", bare_lf},
      {std::string(33, 'M') + " / HTTP/1.1\r\n", method_too_long},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", bad_target},
      {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", bad_version},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", bad_version},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", bare_lf},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", bare_cr},
      {"GET /\r\n\r\n", bad_version},
      {"GET /\n\n", bare_lf},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", bad_version},
      {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", bad_version},
      {"GET / HTTP/01.1\r\nHost: a\r\n\r\n", bad_version},
      {"GET / HTTP/1\r\nHost: a\r\n\r\n", bad_version},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", unsupported_version},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", unsupported_version},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", unsupported_version},
      {"\x16\x03\x01\x02"s, bad_method},
      {"\x80GET / HTTP/1.1\r\n"s, bad_method},
      // The target.
      {with_target("x"), bad_target},
      {with_target("*"), bad_target},
      {with_target("/#fragment"), bad_target},
      {with_target("/a b"), bad_version},
      {with_target("/%"), bad_target},
      {with_target("/%4"), bad_target},
      {with_target("/%4g"), bad_target},
      {with_target("/\x7f"), bad_target},
      {with_target("/\xc3\xa4"), bad_target},
      {with_target("/a\0b"s), bad_target},
      {with_target("/a\tb"), bad_target},
      {with_target("/a\\b"), bad_target},
      {with_target("/[a]"), bad_target},
      {with_target("/?a=\""), bad_target},
      {with_target("/?a=<b>"), bad_target},
      {with_target("/?a={b}|c^d`e"), bad_target},
      {with_target("ftp://a/"), bad_target},
      {with_target("http:/a/"), bad_target},
      {with_target("http:///"), bad_target},
      {with_target("http://user@a/"), bad_target},
      {with_target("http://user:x@a/"), bad_target},
      {with_target("http://a:/"), bad_target},
      {with_target("http://a:0/"), bad_target},
      {with_target("http://a:65536/"), bad_target},
      {with_target("http://b/"), host_differs_from_target},
      {with_target("http://a:80/"), host_differs_from_target},
      {with_target("a", "CONNECT"), bad_target},
      {with_target("/", "CONNECT"), bad_target},
      {with_target("http://a/", "CONNECT"), bad_target},
      {with_target("b:443", "CONNECT"), host_differs_from_target},
      // Lines.
      {with("a: b\nc: d"), bare_lf},
      {with("a: b\rc: d"), bare_cr},
      {with("a: b\r\r"), bare_cr},
      {with(" a: b"), folded_line},
      {with("a: b\r\n c"), folded_line},
      {with("a: b\r\n\tc"), folded_line},
      {with("a : b"), space_before_colon},
      {with("a\t: b"), space_before_colon},
      {with(": b"), bad_field_name},
      {with("a"), bad_field_name},
      {with("a b: c"), space_before_colon},
      {with("a\xc3\xa4: b"), bad_field_name},
      {with("a(b): c"), bad_field_name},
      {with("a\0b: c"s), bad_field_name},
      {with("a: b\0c"s), bad_field_value},
      {with("a: b\x01"s), bad_field_value},
      {with("a: a value of more than sixteen bytes\x7f and more"s), bad_field_value},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", bare_lf},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n", bare_cr},
      {with(std::string(257, 'n') + ": v"), field_name_too_long},
      // Host.
      {"GET / HTTP/1.1\r\n\r\n", missing_host},
      {with("Host: a"), several_hosts},
      {with("hOST: b"), several_hosts},
      {with_host(""), bad_host},
      {with_host("a b"), bad_host},
      {with_host("a,b"), bad_host},
      {with_host("a/b"), bad_host},
      {with_host("u@a"), bad_host},
      {with_host("%61"), bad_host},
      {with_host("a:"), bad_host},
      {with_host("a:0"), bad_host},
      {with_host("a:080"), bad_host},
      {with_host("a:+80"), bad_host},
      {with_host("a:65536"), bad_host},
      {with_host("a:80:80"), bad_host},
      {with_host(":80"), bad_host},
      {with_host("::1"), bad_host},
      {with_host("[::1"), bad_host},
      {with_host("[::1]x"), bad_host},
      {with_host("[fe80::1%25eth0]"), bad_host},
      {with_host("[v1.a]"), bad_host},
      {with_host("[127.0.0.1]"), bad_host},
      {with_host("1.2.3"), bad_host},
      {with_host("1.2.3.256"), bad_host},
      {with_host("2130706433"), bad_host},
      // Framing.
      {with("Content-Length: "), bad_content_length},
      {with("Content-Length: +5"), bad_content_length},
      {with("Content-Length: -5"), bad_content_length},
      {with("Content-Length: 5, 5"), bad_content_length},
      {with("Content-Length: 5 5"), bad_content_length},
      {with("Content-Length: 0x5"), bad_content_length},
      {with("Content-Length: 05"), bad_content_length},
      {with("Content-Length: 5.0"), bad_content_length},
      {with("Content-Length: 9223372036854775808"), bad_content_length},
      {with("Content-Length: 18446744073709551617"), bad_content_length},
      {with("Content-Length: 5\r\nContent-Length: 5"), several_content_lengths},
      {with("Content-Length: 5\r\ncontent-length: 6"), several_content_lengths},
      {with("Content-Length: 0\r\nTransfer-Encoding: chunked"), length_with_coding},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 0"), length_with_coding},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
       several_transfer_encodings},
      {with("Transfer-Encoding: gzip, chunked"), unknown_transfer_coding},
      {with("Transfer-Encoding: chunked, gzip"), unknown_transfer_coding},
      {with("Transfer-Encoding: identity"), unknown_transfer_coding},
      {with("Transfer-Encoding: chunked;a=b"), unknown_transfer_coding},
      {with("Transfer-Encoding: xchunked"), unknown_transfer_coding},
      {with("Transfer-Encoding: \vchunked"), bad_field_value},
      {with("Transfer-Encoding:"), unknown_transfer_coding},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", coding_in_http_1_0},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n", body_not_allowed},
      {with("Connection: close keep-alive"), bad_connection_option},
      {with("Connection: close; x"), bad_connection_option},
      {with("Expect: 200-ok"), unknown_expectation},
      {with("Expect: 100-continue, x"), unknown_expectation},
  };
  return table;
}

TEST(H1Request, refuses_what_two_parsers_could_read_differently) {
  for (const auto& [text, error] : refusals()) {
    http::RequestHead head;
    RequestHeadParser parser{head};
    EXPECT_EQ(name_of(feed(parser, text).result), describe(error)) << text;
  }
}

TEST(H1Request, refuses_the_same_byte_by_byte_and_never_later_than_the_line_end) {
  for (const auto& [text, error] : refusals()) {
    http::RequestHead head;
    RequestHeadParser parser{head};
    const Verdict verdict = feed(parser, text, byte_by_byte(text));
    EXPECT_EQ(name_of(verdict.result), describe(error)) << text;
  }
}

TEST(H1Request, refuses_an_impossible_first_byte_at_once) {
  for (const char first : {'\x16', '\0', '\n', ' ', ':', '\x80'}) {
    http::RequestHead head;
    RequestHeadParser parser{head};
    EXPECT_FALSE(parser.parse(std::span{&first, 1}));
  }
}

TEST(H1Request, refuses_with_the_first_bad_line_and_not_at_the_end_of_the_head) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  EXPECT_FALSE(parser.parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n"s));
}

struct Accepted {
  std::string text;
  std::string method, target, authority, scheme;
  http::BodyLength body;
  bool keep_alive = true;
};

const std::vector<Accepted>& accepted() {
  using http::BodyLength;
  constexpr auto longest = BodyLength::known((1ULL << 63U) - 1);
  static const std::vector<Accepted> table{
      {with_host("a"), "GET", "/", "a", "", {}},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "a", "", {}},
      {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", {}, false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", "", "", {}, true},
      {with("Connection: close, keep-alive"), "GET", "/", "a", "", {}, false},
      {with("Connection: x\r\nConnection: ,\tClose ,"), "GET", "/", "a", "", {}, false},
      {with("Connection: closed"), "GET", "/", "a", "", {}, true},
      {with_host("Catalog.Example:8080"), "GET", "/", "catalog.example:8080", "", {}},
      {with_host("[2001:DB8::1]:443"), "GET", "/", "[2001:db8::1]:443", "", {}},
      {with_host("10.0.0.4"), "GET", "/", "10.0.0.4", "", {}},
      {with_host("1.example"), "GET", "/", "1.example", "", {}},
      {with_target("/a/%2F?x[0]=%c3%a4&y=(1)"), "GET", "/a/%2F?x[0]=%c3%a4&y=(1)", "a", "", {}},
      {with_target("//b/../c;d=e"), "GET", "//b/../c;d=e", "a", "", {}},
      {with_target("HTTP://A/b?c"), "GET", "/b?c", "a", "http", {}},
      {with_target("https://a"), "GET", "/", "a", "https", {}},
      {with_target("http://a?b"), "GET", "/?b", "a", "http", {}},
      {with_target("http://a", "OPTIONS"), "OPTIONS", "*", "a", "http", {}},
      {with_target("*", "OPTIONS"), "OPTIONS", "*", "a", "", {}},
      {with_target("a:443", "CONNECT"), "CONNECT", "", "a:443", "", {}},
      {with_target("/", "M-SEARCH"), "M-SEARCH", "/", "a", "", {}},
      {with("Content-Length: 5"), "GET", "/", "a", "", BodyLength::known(5)},
      {with("Content-Length:5\t"), "GET", "/", "a", "", BodyLength::known(5)},
      {with("Content-Length: 0"), "GET", "/", "a", "", {}},
      {with("Content-Length: 9223372036854775807"), "GET", "/", "a", "", longest},
      {with("transfer-encoding: Chunked"), "GET", "/", "a", "", BodyLength::chunked()},
  };
  return table;
}

void expect_equal(const http::RequestHead& head, const Accepted& wanted) {
  EXPECT_EQ(head.method_text, wanted.method);
  EXPECT_EQ(head.method, http::parse_method(wanted.method));
  EXPECT_EQ(head.target, wanted.target);
  EXPECT_EQ(head.authority, wanted.authority);
  EXPECT_EQ(head.scheme, wanted.scheme);
  EXPECT_EQ(head.body, wanted.body);
  EXPECT_EQ(head.keep_alive, wanted.keep_alive);
  for (const auto name :
       {http::Name::host, http::Name::content_length, http::Name::transfer_encoding}) {
    EXPECT_FALSE(head.fields.contains(name));
  }
}

TEST(H1Request, reads_what_is_unambiguous) {
  for (const Accepted& wanted : accepted()) {
    SCOPED_TRACE(wanted.text);
    http::RequestHead head;
    RequestHeadParser parser{head};
    ASSERT_EQ(name_of(feed(parser, wanted.text + "GET").result), "accepted");
    expect_equal(head, wanted);
  }
}

TEST(H1Request, does_not_care_how_the_bytes_were_split) {
  std::mt19937 random{1};
  for (const Accepted& wanted : accepted()) {
    SCOPED_TRACE(wanted.text);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::size_t> ends = byte_by_byte(wanted.text);
      if (round > 0) std::erase_if(ends, [&](std::size_t) { return random() % 4 != 0; });
      http::RequestHead head;
      RequestHeadParser parser{head};
      const Verdict verdict = feed(parser, wanted.text, ends);
      ASSERT_EQ(verdict.result.value_or(0), wanted.text.size());
      expect_equal(head, wanted);
    }
  }
}

TEST(H1Request, keeps_fields_in_order_with_their_spelling_and_without_white_space_around) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  const auto text = with("X-One:  a\tb \t\r\nx-two:\r\nUser-Agent: \xe4\xb8\xad of 20 bytes or so");
  ASSERT_EQ(parser.parse(text).value_or(0), text.size());
  ASSERT_EQ(head.fields.size(), 3U);
  EXPECT_EQ(head.fields[0].name, "X-One");
  EXPECT_EQ(head.fields[0].value, "a\tb");
  EXPECT_EQ(head.fields[1].value, "");
  EXPECT_EQ(head.fields[2].id, http::Name::user_agent);
}

TEST(H1Request, takes_an_upgrade_only_when_connection_lists_it_and_not_in_http_1_0) {
  const auto upgrade = [](std::string_view version, std::string_view connection) {
    http::RequestHead head;
    RequestHeadParser parser{head};
    std::string text =
        "GET / HTTP/" + std::string{version} + "\r\nHost: a\r\nUpgrade: websocket\r\n";
    text += "Connection: " + std::string{connection} + "\r\n\r\n";
    EXPECT_TRUE(parser.parse(text));
    return head.upgrade;
  };
  EXPECT_EQ(upgrade("1.1", "keep-alive, Upgrade"), "websocket");
  EXPECT_EQ(upgrade("1.1", "keep-alive"), "");
  EXPECT_EQ(upgrade("1.0", "upgrade"), "");
}

TEST(H1Request, expects_100_continue_only_for_a_body_in_http_1_1) {
  const auto expects = [](const std::string& text) {
    http::RequestHead head;
    RequestHeadParser parser{head};
    EXPECT_TRUE(parser.parse(text));
    return head.expects_continue;
  };
  EXPECT_TRUE(expects(with("Expect: 100-Continue\r\nContent-Length: 5")));
  EXPECT_FALSE(expects(with("Expect: 100-continue")));
  EXPECT_FALSE(expects("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
}

TEST(H1Request, keeps_its_limits_however_the_bytes_come) {
  const H1Limits limits{.head_bytes = 200, .field_count = 3, .target_bytes = 20};
  const std::string longest = "/" + std::string(19, 'p');
  const std::string fits = with_target(longest);
  const std::vector<std::pair<std::string, std::string_view>> table{
      {fits, "accepted"},
      {with_target(longest + "p"), describe(H1Error::target_too_long)},
      {"GET /" + std::string(100, 'p'), describe(H1Error::target_too_long)},
      {std::string(100, 'M'), describe(H1Error::target_too_long)},
      {with("a: b\r\nc: d"), "accepted"},
      {with("a: b\r\nc: d\r\ne: f"), describe(H1Error::too_many_fields)},
      {with("a: " + std::string(168, 'v')), "accepted"},
      {with("a: " + std::string(169, 'v')), describe(H1Error::head_too_large)},
      {"GET / HTTP/1.1\r\n" + std::string(300, 'n'), describe(H1Error::head_too_large)},
  };
  for (const auto& [text, wanted] : table) {
    http::RequestHead head;
    RequestHeadParser whole{head, limits};
    EXPECT_EQ(name_of(feed(whole, text).result), wanted) << text;
    RequestHeadParser split{head, limits};
    EXPECT_EQ(name_of(feed(split, text, byte_by_byte(text)).result), wanted) << text;
  }
}

TEST(H1Request, starts_anew_after_reset) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  EXPECT_FALSE(parser.started());
  ASSERT_TRUE(parser.parse(with("Content-Length: 5\r\nConnection: close\r\nUpgrade: x")));
  EXPECT_TRUE(parser.started());
  parser.reset();
  EXPECT_FALSE(parser.started());
  ASSERT_TRUE(parser.parse(with_host("b")));
  expect_equal(head, {with_host("b"), "GET", "/", "b", "", {}});
  EXPECT_TRUE(head.fields.empty());
}

TEST(H1Request, tells_an_idle_connection_from_one_that_has_begun) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  EXPECT_EQ(parser.parse("\r\n"s), 0U);
  EXPECT_FALSE(parser.started());
  EXPECT_EQ(parser.parse("\r\nG"s), 0U);
  EXPECT_TRUE(parser.started());
}

TEST(H1Error, has_a_status_of_its_own_where_http_has_one) {
  EXPECT_EQ(status_of(H1Error::target_too_long), 414);
  EXPECT_EQ(status_of(H1Error::head_too_large), 431);
  EXPECT_EQ(status_of(H1Error::too_many_fields), 431);
  EXPECT_EQ(status_of(H1Error::unknown_transfer_coding), 400);
  EXPECT_EQ(status_of(H1Error::unsupported_version), 505);
  EXPECT_EQ(status_of(H1Error::unknown_expectation), 417);
  EXPECT_EQ(status_of(H1Error::bare_lf), 400);
}

}  // namespace
}  // namespace weir::codec
