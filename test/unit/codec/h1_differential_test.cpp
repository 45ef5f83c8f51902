// Boost.Beast and llhttp as oracles: whatever weir accepts, both accept as well, and they see the
// same method, target, fields, body and end of the message. The other way round is not asked.
//
// Differences that are known and harmless, each kept out of the comparison where it is named:
//  - Beast does not skip the empty line before a request.
//  - llhttp knows a list of methods; weir takes any token.
//  - llhttp refuses quoted strings in chunk extensions; weir drops what is well formed.
//  - llhttp refuses a tab after a framing value; weir takes any white space after a value.
//  - Beast wants the space after the status code even when there is no phrase.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/beast/http.hpp>
#include <random>

#include "llhttp_oracle.h"
#include "seen_message.h"

namespace weir::codec {
namespace {

namespace beast = boost::beast::http;

template <class Parser>
SeenMessage drive(Parser& parser, std::string_view text) {
  parser.eager(true);
  parser.body_limit(boost::none);
  parser.header_limit(64 * 1024);
  SeenMessage seen;
  boost::beast::error_code error;
  while (!parser.is_done() && !error && seen.used < text.size()) {
    const auto rest = text.substr(seen.used);
    const auto used = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    seen.used += used;
    if (error == beast::error::need_more) {
      if (used == 0) break;
      error = {};
    }
  }
  if (!error && !parser.is_done() && parser.got_some()) parser.put_eof(error);
  seen.complete = parser.is_done() && !error;
  if (error) seen.why = error.message();
  seen.body = parser.get().body();
  for (const auto& field : parser.get()) {
    seen.add_field({field.name_string().data(), field.name_string().size()},
                   {field.value().data(), field.value().size()});
  }
  return seen;
}

SeenMessage beast_request(std::string_view text) {
  beast::request_parser<beast::string_body> parser;
  SeenMessage seen = drive(parser, text);
  const auto& message = parser.get();
  seen.method.assign(message.method_string().data(), message.method_string().size());
  seen.target.assign(message.target().data(), message.target().size());
  return seen;
}

SeenMessage beast_response(std::string_view text, http::Method asked) {
  beast::response_parser<beast::string_body> parser;
  const bool tunnel = asked == http::Method::connect && text.substr(9).starts_with('2');
  if (asked == http::Method::head || tunnel) parser.skip(true);
  SeenMessage seen = drive(parser, text);
  seen.status = parser.get().result_int();
  return seen;
}

bool known_to_llhttp(std::string_view method) {
  for (int known = HTTP_DELETE; known <= HTTP_SOURCE; ++known) {
    if (method == llhttp_method_name(static_cast<llhttp_method_t>(known))) return true;
  }
  return false;
}

// weir says "/" for the empty path of an absolute target and "*" for that of OPTIONS.
bool same_target(const std::string& weir, const std::string& oracle) {
  if (http::equal_without_case(weir, oracle)) return true;
  std::string raw = oracle;
  const auto host = raw.find("://");
  if (host == std::string::npos) return false;
  const auto end = std::min(raw.find_first_of("/?", host + 3), raw.size());
  for (const std::string_view path : {"/", "*"}) {
    if (http::equal_without_case(weir, std::string{raw}.insert(end, path))) return true;
  }
  return false;
}

void expect_same(const SeenMessage& weir, const SeenMessage& oracle, std::string_view text) {
  SCOPED_TRACE(testing::PrintToString(std::string{text}));
  ASSERT_TRUE(oracle.complete) << oracle.why;
  EXPECT_EQ(oracle.method, weir.method);
  EXPECT_TRUE(same_target(weir.target, oracle.target)) << weir.target << " " << oracle.target;
  EXPECT_EQ(oracle.status, weir.status);
  EXPECT_EQ(oracle.body, weir.body);
  EXPECT_EQ(oracle.used, weir.used);
  // Beast keeps equal names together, and adds the trailers.
  auto left = weir.fields;
  auto right = oracle.fields;
  std::ranges::sort(left);
  std::ranges::sort(right);
  EXPECT_TRUE(std::ranges::includes(right, left)) << testing::PrintToString(right);
  if (weir.trailers == 0) {
    EXPECT_EQ(left, right);
  }
}

bool refused_by_llhttp(std::string_view text) {
  return text.find(";a=\"") != text.npos || text.find("\t\r\n") != text.npos;
}

// True when weir accepted, so that a test can tell that its corpus is not all garbage.
bool compare_request(const std::string& text) {
  const SeenMessage weir = weir_request(text);
  if (!weir.complete) return false;
  if (!text.starts_with('\r')) expect_same(weir, beast_request(text), text);
  if (known_to_llhttp(weir.method) && !refused_by_llhttp(text)) {
    expect_same(weir, LlhttpOracle::request(text), text);
  }
  return true;
}

bool compare_response(const std::string& text, http::Method asked) {
  const SeenMessage weir = weir_response(text, asked);
  if (!weir.complete) return false;
  const bool spaced = text.size() > 12 && text[12] == ' ';
  if (spaced) expect_same(weir, beast_response(text, asked), text);
  if (!refused_by_llhttp(text)) expect_same(weir, LlhttpOracle::response(text, asked), text);
  return true;
}

using Parts = std::vector<std::string_view>;

constexpr std::string_view nul{"\0", 1};

const Parts methods{"GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "BREW", "get", "G T", ""};
const Parts targets{"/",          "/a?b=c&d[]=%20", "*",    "http://h/x", "http://h",
                    "http://h?q", "http://g/",      "h:80", "/a#b",       "/%zz",
                    "/\xc3\xa4",  "//h/../",        "/a b", "",           "/;p=1/@:!$'()*+,~"};
const Parts versions{"HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1"};
const Parts ends{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", " \r\n"};
const Parts hosts{"Host: h", "Host: h", "host:h", "Host: h:80", "Host: ", "Host: h, g", ""};
const Parts lengths{"Content-Length: 5",
                    "Content-Length: 5",
                    "Transfer-Encoding: chunked",
                    "Transfer-Encoding: chunked",
                    "transfer-encoding:CHUNKED ",
                    "Content-Length: 0",
                    "Content-Length: 05",
                    "Content-Length: 5, 5",
                    "Content-Length: +5",
                    "Content-Length : 5",
                    "Content-Length: 5 ",
                    "Content-Length: 18446744073709551621",
                    "Transfer-Encoding: gzip",
                    "Transfer-Encoding: chunked, identity",
                    "Transfer-Encoding: identity, chunked",
                    "Transfer-Encoding:\vchunked"};
const Parts others{"A: b",
                   "A:",
                   "A:  b\tc  ",
                   "A: \xe4\xb8\xad",
                   "A : b",
                   " A: b",
                   "A: b\r\n c",
                   ": b",
                   "A",
                   "A\xe4: b",
                   "Te: gzip",
                   "Connection: close",
                   "Connection: keep-alive, x",
                   "Connection: upgrade",
                   "Upgrade: websocket",
                   "Expect: 100-continue",
                   "A: \x01",
                   "A: a long value that takes more than sixteen bytes\t.",
                   "x-!#$%&'*+.^_`|~: y",
                   "Keep-Alive: 5",
                   "Cookie: a=\"b\"; c"};
const Parts bodies{"hello",
                   "hello",
                   "hell",
                   "",
                   "5\r\nhello\r\n0\r\n\r\n",
                   "5\r\nhello\r\n0\r\n\r\n",
                   "5\r\nhello\r\n00a\r\n0123456789\r\n000\r\n\r\n",
                   "5;a;b=c\r\nhello\r\n0;d\r\n\r\n",
                   "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
                   "5\r\nhello\r\n0\r\nA: b\r\nC: \td \r\n\r\n",
                   "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
                   "0x5\r\nhello\r\n0\r\n\r\n",
                   "5 \r\nhello\r\n0\r\n\r\n",
                   "5\nhello\n0\n\n",
                   "5\r\nhelloX0\r\n\r\n",
                   "10000000000000005\r\nhello\r\n0\r\n\r\n",
                   "-5\r\nhello\r\n0\r\n\r\n",
                   "5;\nhello\r\n0\r\n\r\n",
                   "0\r\n\r\n"};
const Parts statuses{"200 OK",           "200 ",         "200",    "204 No Content",
                     "304 Not Modified", "100 Continue", "101 Go", "404 \xe4 Not Found",
                     "99 Low",           "600 High",     "200\tOK"};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string request() {
    std::string text = rare() ? "\r\n" : "";
    text.append(usual(methods)).append(" ").append(usual(targets)).append(" ");
    text.append(usual(versions)).append(end()).append(usual(hosts)).append(end());
    return mutated(text + rest());
  }

  std::string response() {
    std::string text{usual(versions)};
    text.append(" ").append(any(statuses)).append(end());
    return mutated(text + rest());
  }

  http::Method method() {
    constexpr std::array asked{http::Method::get, http::Method::get, http::Method::head,
                               http::Method::connect};
    return asked[random_() % asked.size()];
  }

 private:
  bool rare() { return random_() % 16 == 0; }
  std::string_view any(const Parts& parts) { return parts[random_() % parts.size()]; }
  // The first parts are the good ones.
  std::string_view usual(const Parts& parts) {
    return rare() ? any(parts) : parts[random_() % std::min<std::size_t>(3, parts.size())];
  }
  std::string_view end() { return rare() ? any(ends) : "\r\n"; }

  std::string rest() {
    std::string text;
    const auto line = [&](std::string_view part) { text.append(part).append(end()); };
    const auto field = [&] { return rare() ? any(others) : others[random_() % 4]; };
    for (auto count = random_() % 3; count > 0; --count)
      line(random_() % 3 ? field() : any(others));
    if (random_() % 4 != 0) line(random_() % 3 ? lengths[random_() % 4] : any(lengths));
    if (rare()) line(any(lengths));
    for (auto count = random_() % 2; count > 0; --count) line(field());
    return text.append(end()).append(any(bodies)).append(rare() ? "GET / HTTP/1.1\r\n" : "");
  }

  std::string mutated(std::string text) {
    if (!rare() && !rare()) return text;
    static const Parts inserts{" ", "\t", "\r",   "\n",   "\r\n", nul,
                               ":", ",",  "\x7f", "\x80", "0",    "\v"};
    const std::size_t at = random_() % text.size();
    if (random_() % 3 == 0) return text.erase(at, 1);
    return text.insert(at, any(inserts));
  }

  std::mt19937 random_;
};

TEST(H1Differential, requests_that_weir_accepts_are_read_alike_by_beast_and_llhttp) {
  Generator generator{7};
  int accepted = 0;
  for (int round = 0; round < 40'000 && !HasFailure(); ++round) {
    if (compare_request(generator.request())) ++accepted;
  }
  EXPECT_GT(accepted, 4'000);
}

TEST(H1Differential, responses_that_weir_accepts_are_read_alike_by_beast_and_llhttp) {
  Generator generator{8};
  int accepted = 0;
  for (int round = 0; round < 40'000 && !HasFailure(); ++round) {
    const auto asked = generator.method();
    if (compare_response(generator.response(), asked)) ++accepted;
  }
  EXPECT_GT(accepted, 4'000);
}

// Each of these is read by one of the oracles, or by both, and would be handed on by a proxy that
// is built on them.
TEST(H1Differential, refuses_what_the_oracles_let_through) {
  const auto request = [](std::string_view lines, std::string_view body) {
    return "POST / HTTP/1.1\r\n" + std::string{lines} + "\r\n\r\n" + std::string{body};
  };
  const std::vector<std::string> table{
      request("Host: h\r\nTransfer-Encoding: gzip\r\nContent-Length: 5", "hello"),
      request("Host: h\r\nTransfer-Encoding: chunked, gzip", ""),
      request("Host: h\r\nContent-Length: 5\r\nContent-Length: 5", "hello"),
      request("Host: h\r\nContent-Length: 5, 5", "hello"),
      request("Host: h\r\nA: b\r\n c", ""),
      request("A: b", ""),
      request("Host: h\r\nHost: g", ""),
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n",
  };
  for (const std::string& text : table) {
    EXPECT_TRUE(beast_request(text).complete || LlhttpOracle::request(text).complete) << text;
    EXPECT_FALSE(weir_request(text).complete) << text;
  }
}

}  // namespace
}  // namespace weir::codec
