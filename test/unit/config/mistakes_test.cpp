// Every class of mistake, where it is reported and what is suggested instead.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weir/config/load.h"

namespace weir::config {
namespace {

struct Mistake {
  std::string_view snippet;     // follows `before`, so it starts on line 4
  std::string_view reported;    // "line:column: message"
  std::string_view suggestion;  // empty: none
};

constexpr std::string_view before =
    "service: { name: orders }\n"
    "inbound: { listen: 127.0.0.1:1001, application: 127.0.0.1:2 }\n"
    "outbound: { listen: 127.0.0.1:1002 }\n";

// The upstream that most snippets need, on one line: lines 4.
#define CATALOG                                                                  \
  "upstreams: { catalog: { endpoints: [ { address: 10.0.0.4:80, version: v1 }, " \
  "{ address: 10.0.0.5:80, version: v2 } ] } }\n"

std::optional<std::string> environment(const std::string& name) {
  if (name == "PORT") return "8080";
  if (name == "EVIL") return "1, b: { c: [";
  return std::nullopt;
}

Problems problems_of(std::string_view text) {
  auto loaded = load_text(text, "orders.yaml", environment);
  return loaded ? Problems{} : loaded.error();
}

std::string text_of(const Problem& problem) {
  return fmt::format("{}:{}: {}", problem.line, problem.column, problem.message);
}

void PrintTo(const Mistake& mistake, std::ostream* stream) { *stream << mistake.snippet; }

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, are_reported_once_where_they_stand_and_with_a_cure) {
  const auto problems = problems_of(std::string{before} + std::string{GetParam().snippet});
  ASSERT_EQ(problems.size(), 1U) << (problems.empty() ? "accepted" : text_of(problems.back()));
  EXPECT_EQ(text_of(problems[0]), GetParam().reported);
  EXPECT_EQ(problems[0].suggestion, GetParam().suggestion);
}

constexpr Mistake keys[] = {
    {"acces_log: off\n", "4:1: unknown key \"acces_log\" in the file", "access_log"},
    {CATALOG "routes:\n  - { to: catalog, budgett: 1s }\n",
     "6:20: unknown key \"budgett\" in routes[0]", "budget"},
    {CATALOG "routes:\n  - { to: catalog, timeout: 1s }\n",
     "6:20: unknown key \"timeout\" in routes[0]", "budget"},
    {"process: { workers: 1, workers: 2 }\n",
     "4:24: duplicate key \"workers\", already given on line 4", ""},
    {"process: { workers: }\n", "4:12: process.workers has no value", ""},
    {"process: 4\n", "4:10: process: a section with keys is expected here, not a single value", ""},
    {"process: { workers: [1] }\n",
     "4:21: process.workers: a single value is expected here, not a list", ""},
    {CATALOG "routes: { to: catalog }\n", "5:9: routes: a list is expected here, not a section",
     ""},
    {CATALOG "routes:\n  - { budget: 1s }\n", "6:5: the key \"to\" is missing in routes[0]", ""},
    {"upstreams: { Cat_a: { endpoints: [{ address: 10.0.0.4:80 }] } }\n",
     "4:14: the upstream name \"Cat_a\" is not a host label (a-z, 0-9 and inner hyphens, at most "
     "63)",
     "cat-a"},
};
INSTANTIATE_TEST_SUITE_P(InKeys, Mistakes, testing::ValuesIn(keys));

constexpr Mistake quantities[] = {
    {"process: { drain: 250 }\n", "4:19: process.drain: \"250\" has no unit", "250ms"},
    {"process: { drain: 2 }\n", "4:19: process.drain: \"2\" has no unit", "2s"},
    {"process: { drain: 2min }\n",
     "4:19: process.drain: \"2min\" is not a duration: the units are us, ms, s, m and h", "2m"},
    {"process: { drain: 10 s }\n",
     "4:19: process.drain: \"10 s\" is not a duration: the units are us, ms, s, m and h", "10s"},
    {"process: { drain: -1s }\n", "4:19: process.drain: \"-1s\" is negative", ""},
    {"process: { drain: soon }\n",
     "4:19: process.drain: \"soon\" is not a duration such as 250ms, 1.5s or 2m", ""},
    {"process: { drain: 5h }\n",
     "4:19: process.drain: \"5h\" is longer than 4h, the longest time that weir keeps", ""},
    {"process: { drain: 99999999999999999999999h }\n",
     "4:19: process.drain: \"99999999999999999999999h\" is longer than 4h, the longest time that "
     "weir keeps",
     ""},
    {"process: { workers: 010 }\n", "4:21: process.workers: \"010\" is not a whole number", "10"},
    {"process: { workers: 1e1 }\n", "4:21: process.workers: \"1e1\" is not a whole number", "10"},
    {"process: { workers: 0x10 }\n", "4:21: process.workers: \"0x10\" is not a whole number", "16"},
    {"process: { workers: -1 }\n", "4:21: process.workers: \"-1\" is not a whole number", ""},
    {"process: { workers: 0 }\n", "4:21: process.workers: \"0\" is less than 1", ""},
    {"process: { workers: 99999999999 }\n",
     "4:21: process.workers: \"99999999999\" is larger than 4294967295", ""},
    {"process: { workers: \"2\" }\n", "4:21: process.workers: \"2\" in quotes is text, not count",
     "2"},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { ratio: 0.1 } } }\n",
     "4:77: upstreams.a.failover.ratio: \"0.1\" is not a share: a share is written in per cent",
     "10%"},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { ratio: 110% } } }\n",
     "4:77: upstreams.a.failover.ratio: \"110%\" is more than 100%", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], breaker: { minimum: 0 } } }\n",
     "4:78: upstreams.a.breaker.minimum: \"0\" must be more than zero", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], connect_timeout: 0ms } }\n",
     "4:75: upstreams.a.connect_timeout: \"0ms\" must be more than zero", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { replay_limit: 65536 } } "
     "}\n",
     "4:84: upstreams.a.failover.replay_limit: \"65536\" has no unit", "64KiB"},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { replay_limit: 64k } } }"
     "\n",
     "4:84: upstreams.a.failover.replay_limit: \"64k\" is not a size: the units are B, KB, MB, GB, "
     "KiB, MiB and GiB",
     "64KiB"},
};
INSTANTIATE_TEST_SUITE_P(InQuantities, Mistakes, testing::ValuesIn(quantities));

constexpr Mistake words[] = {
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { hedge: yes } } }\n",
     "4:77: upstreams.a.failover.hedge: \"yes\" is neither true nor false", "true"},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], breaker: false } }\n",
     "4:67: upstreams.a.breaker: \"false\" is neither on nor off", "off"},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { on: [time-out] } } }\n",
     "4:75: upstreams.a.failover.on[0]: \"time-out\" is not one of connect_failure, refused, "
     "reset, "
     "timeout, 502, 503, 504, unavailable",
     "timeout"},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], failover: { on: [503, 503] } } }\n",
     "4:80: upstreams.a.failover.on[1]: \"503\" is listed twice", ""},
    {CATALOG "routes:\n  - { match: { method: get }, to: catalog }\n",
     "6:24: routes[0].match.method: \"get\" is not one of GET, HEAD, POST, PUT, DELETE, CONNECT, "
     "OPTIONS, TRACE, PATCH",
     "GET"},
    {CATALOG "routes:\n  - { match: { host: 'catalog:80' }, to: catalog }\n",
     "6:22: routes[0].match.host: \"catalog:80\": hosts are compared without their port",
     "catalog"},
    {CATALOG "routes:\n  - { match: { path: /v1* }, to: catalog }\n",
     "6:22: routes[0].match.path: \"/v1*\": a prefix ends at a segment", "/v1/*"},
    {CATALOG "routes:\n  - { match: { path: v1 }, to: catalog }\n",
     "6:22: routes[0].match.path: \"v1\": a path starts with a slash", "/v1"},
    {CATALOG "routes:\n  - { match: { path: '/a?b' }, to: catalog }\n",
     "6:22: routes[0].match.path: \"/a?b\": paths are compared without their query", "/a"},
    {CATALOG "routes:\n  - { match: { headers: { 'x y': a } }, to: catalog }\n",
     "6:27: \"x y\" is not a name of a header or cookie", ""},
    {CATALOG
     "routes:\n  - { to: catalog, versions: [{ split: { v1: 100% }, sticky: x-user-id }] }\n",
     "6:62: routes[0].versions[0].sticky: \"x-user-id\" is not header:NAME, cookie:NAME or "
     "client_address",
     "header:x-user-id"},
};
INSTANTIATE_TEST_SUITE_P(InWords, Mistakes, testing::ValuesIn(words));

#define ENDPOINT(address) "upstreams: { a: { endpoints: [{ address: " address " }] } }\n"
#define AT "4:42: upstreams.a.endpoints[0].address: "

constexpr Mistake addresses[] = {
    {ENDPOINT("10.0.0.4"), AT "\"10.0.0.4\" has no port", "10.0.0.4:8080"},
    {ENDPOINT("'::1'"), AT "\"::1\" has no port: an IPv6 address stands in brackets before it",
     "[::1]:8080"},
    {ENDPOINT("catalog:80"),
     AT "\"catalog:80\" holds a host name: names are not resolved yet, write the IP address and "
        "the port, as in 10.0.0.4:8080",
     ""},
    {ENDPOINT("http://10.0.0.4:80/x"),
     AT "\"http://10.0.0.4:80/x\" is a URL: an address is an IP address and a port", "10.0.0.4:80"},
    {ENDPOINT("0.0.0.0:80"),
     AT "\"0.0.0.0:80\" is an address to listen on; nobody can be called there", "127.0.0.1:80"},
    {ENDPOINT("10.0.0.4:0"), AT "\"10.0.0.4:0\" has port 0", ""},
    {ENDPOINT("10.0.0.4:65536"), AT "\"65536\" is not a port between 1 and 65535", ""},
    {ENDPOINT("10.0.0:80"), AT "\"10.0.0:80\" is not an IP address and a port", ""},
    {ENDPOINT("8080"), AT "\"8080\" is only a port: an address is an IP address and a port",
     "127.0.0.1:8080"},
    {ENDPOINT("239.0.0.1:80"), AT "\"239.0.0.1:80\" is a multicast or reserved address", ""},
};
INSTANTIATE_TEST_SUITE_P(InAddresses, Mistakes, testing::ValuesIn(addresses));

constexpr Mistake contradictions[] = {
    {"admin: { listen: 127.0.0.1:1001 }\n",
     "4:18: admin.listen (127.0.0.1:1001) and inbound.listen (127.0.0.1:1001) are one address", ""},
    {"admin: { listen: 127.0.0.1:2 }\n",
     "2:49: inbound.application (127.0.0.1:2) is weir's own admin.listen: a loop", ""},
    {ENDPOINT("127.0.0.1:1002"),
     "4:42: upstreams.a.endpoints[0] (127.0.0.1:1002) is weir's own outbound.listen: a loop", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }, { address: 10.0.0.4:80 }] } }\n",
     "4:68: upstreams.a.endpoints[0] and [1] are one endpoint (10.0.0.4:80)", ""},
    {"upstreams: { a: { endpoints: [] } }\n", "4:19: upstreams.a.endpoints is empty", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], ejection: { base: 2m } } }\n",
     "4:76: upstreams.a.ejection.base (2m) is longer than its maximum (1m)", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], pool: { connections: 8 } } }\n",
     "4:58: upstreams.a.pool keeps more idle connections (128) than it may have (8)", ""},
    {"upstreams: { a: { endpoints: [{ address: 10.0.0.4:80 }], balance: { policy: consistent_hash "
     "} "
     "} }\n",
     "4:77: upstreams.a.balance: consistent_hash needs hash_on", ""},
    {"upstreams:\n"
     "  catalog: { endpoints: [ { address: 10.0.0.4:80 } ], connect_timeout: 250ms }\n"
     "routes:\n  - { to: catalog, budget: 250ms }\n",
     "7:28: routes[0]: connect_timeout of upstream \"catalog\" (250ms) is not shorter than its "
     "budget (250ms)",
     ""},
    {CATALOG "routes:\n  - { to: catalog, budget: 31s }\n",
     "6:28: routes[0].budget (31s) is longer than outbound.budget.maximum (30s)", ""},
    {CATALOG "routes:\n  - { to: catalogue }\n",
     "6:11: routes[0].to: there is no upstream \"catalogue\"", "catalog"},
    {CATALOG "routes:\n  - { to: catalog, fallback: { upstream: cataloq } }\n",
     "6:42: routes[0].fallback.upstream: there is no upstream \"cataloq\"", "catalog"},
    {CATALOG "routes:\n  - { to: catalog, fallback: { upstream: catalog, status: 200 } }\n",
     "6:20: routes[0].fallback is either a fixed response or an upstream, not both", ""},
    {CATALOG "routes:\n  - { to: catalog, versions: [{ to: v3 }] }\n",
     "6:37: routes[0]: to: no endpoint of upstream \"catalog\" has version \"v3\"", "v1"},
    {CATALOG "routes:\n  - { to: catalog, versions: [{ split: { v1: 90%, v2: 5% } }] }\n",
     "6:33: routes[0].versions[0].split: the shares add up to 95%, not to 100%", ""},
    {CATALOG "routes:\n  - { to: catalog, versions: [{ to: v1 }, { to: v2 }] }\n",
     "6:43: routes[0].versions[1]: the rule before it always holds, so it never decides", ""},
    {CATALOG "routes:\n  - { to: catalog, versions: [{ when: { cohort: 5% } }] }\n",
     "6:31: routes[0].versions[0]: write either to or split", ""},
    {CATALOG
     "routes:\n  - { to: catalog, versions: [{ when: { cohort: 5%, header: { a: b } }, to: v1 }] "
     "}\n",
     "6:33: routes[0].versions[0].when: write one header, one cookie or one cohort", ""},
    {CATALOG "routes:\n"
             "  - { match: { host: a, path: /x }, to: catalog }\n"
             "  - { match: { path: /x, host: A }, to: catalog }\n",
     "7:5: routes[1] can never match: routes[0] takes the same requests", ""},
    {CATALOG "routes:\n"
             "  - { match: { method: [GET, HEAD] }, to: catalog }\n"
             "  - { match: { method: GET }, to: catalog }\n",
     "7:5: routes[1] can never match: routes[0] takes the same requests", ""},
    {CATALOG "routes:\n"
             "  - { name: a, match: { host: a }, to: catalog }\n"
             "  - { name: a, match: { host: b }, to: catalog }\n",
     "7:13: routes[1].name: routes[0] is called \"a\" already", ""},
};
INSTANTIATE_TEST_SUITE_P(InMeaning, Mistakes, testing::ValuesIn(contradictions));

constexpr Mistake yaml[] = {
    {"process: &a { workers: 1 }\n",
     "4:10: anchors (&name) are not supported: write the value out where it is used", ""},
    {"process: !!map { workers: 1 }\n", "4:10: tags (tag:yaml.org,2002:map) are not supported", ""},
    {"---\nprocess: { workers: 1 }\n",
     "4:1: the file holds several documents (---); one file is one service", ""},
    {"process:\n\tworkers: 1\n",
     "5:9: a tab stands in the indentation: YAML indents with spaces only", ""},
    {"process: { workers: 1\n", "5:1: not valid YAML: end of map flow not found", ""},
    {"process: { drain: ${DRAIN} }\n",
     "4:20: not valid YAML: end of map flow not found; inside { } and [ ] a \"${NAME}\" needs "
     "quotes",
     ""},
    {"process: { drain: \"${DRAIN}\" }\n", "4:19: the environment variable DRAIN is not set",
     "${DRAIN:-default}"},
    {"process: { drain: \"${EVIL}\" }\n",
     "4:19: process.drain: \"1, b: { c: [\" is not a duration: the units are us, ms, s, m and h",
     ""},
    {"process: { drain: \"${PORT\" }\n", "4:19: \"${\" is not closed by \"}\"", ""},
};
INSTANTIATE_TEST_SUITE_P(InYaml, Mistakes, testing::ValuesIn(yaml));

TEST(File, is_refused_whole_when_it_cannot_be_text) {
  using namespace std::literals;
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  const struct {
    std::string text;
    std::string reported;
  } files[] = {
      {"", "1:1: the file is empty"},
      {"# only a comment\n", "1:1: the file is empty"},
      {"a\0b"s, "1:2: byte 0x00 is not text: the file must be UTF-8 without control characters"},
      {"a: b\n\x7f\x45\x4c\x46",
       "2:1: byte 0x7f is not text: the file must be UTF-8 without control characters"},
      {"a: \xc0\xaf",
       "1:4: byte 0xc0 is not text: the file must be UTF-8 without control characters"},
      {std::string(std::size_t{2} << 20U, '#'), "1:1: the file is larger than 1048576 bytes"},
      {"service: " + deep, "1:25: nested deeper than 16 levels"},
      {"just text", "1:1: the file: a section with keys is expected here, not a single value"},
  };
  for (const auto& [text, reported] : files) {
    const auto problems = problems_of(text);
    ASSERT_EQ(problems.size(), 1U) << reported;
    EXPECT_EQ(text_of(problems[0]), reported);
  }
}

TEST(File, that_is_an_alias_bomb_is_refused_before_it_expands) {
  std::string text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char name = 'b'; name <= 'k'; ++name) {
    const char previous = static_cast<char>(name - 1);
    text +=
        fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n", name, previous);
  }
  const auto problems = problems_of(text);
  ASSERT_EQ(problems.size(), most_problems);
  EXPECT_EQ(problems[0].message,
            "anchors (&name) are not supported: write the value out where it is used");
}

TEST(File, reports_every_mistake_in_the_order_of_the_lines_and_no_follow_ups) {
  const auto problems = problems_of(
      "service: { name: orders, zoen: a }\n"
      "outbound: { listen: 127.0.0.1 }\n"
      "upstreams:\n"
      "  catalog:\n"
      "    endpoints: [{ address: catalog:80, version: v1 }]\n"
      "    connect_timeout: 100\n"
      "routes:\n"
      "  - { to: catalog, budget: 1s, versions: [{ to: v2 }] }\n"
      "  - { match: { host: prices }, to: prices }\n");
  std::vector<int> lines;
  for (const auto& problem : problems) lines.push_back(problem.line);
  EXPECT_EQ(lines, (std::vector<int>{1, 2, 5, 6, 9}));
}

TEST(File, reports_at_most_fifty_mistakes) {
  std::string text;
  for (int number = 0; number < 200; ++number) text += fmt::format("key_{}: 1\n", number);
  EXPECT_EQ(problems_of(text).size(), most_problems);
}

TEST(File, that_cannot_be_read_says_why) {
  const auto missing = load_file("/nowhere/orders.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().front().message, "the file cannot be read: No such file or directory");
}

TEST(Problem, prints_like_a_compiler_with_the_line_a_caret_and_the_suggestion) {
  const auto problems = problems_of(fmt::format("{}acces_log: off\n", before));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(format(problems[0]),
            "orders.yaml:4:1: error: unknown key \"acces_log\" in the file\n"
            "    acces_log: off\n"
            "    ^~~~~~~~~\n"
            "  did you mean \"access_log\"?\n");
}

TEST(Problem, puts_its_caret_right_behind_letters_of_several_bytes) {
  const auto problems = problems_of(
      "service: { name: \"größe\", nam: 1 }\ninbound: {listen: 127.0.0.1:1, "
      "application: 127.0.0.1:2}\n");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(format(problems[0]).find("\n                              ^~~\n"), std::string::npos)
      << format(problems[0]);
}

TEST(Mistakes, tell_of_a_port_that_leads_to_itself) {
  const Problems problems = problems_of(
      "service: { name: orders }\n"
      "outbound: { listen: 127.0.0.1:1002, tcp: [{ listen: 0.0.0.0:1003, to: a }] }\n"
      "upstreams: { a: { endpoints: [{ address: 127.0.0.1:1003 }] } }\n");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(text_of(problems.front()),
            "3:42: upstreams.a.endpoints[0] (127.0.0.1:1003) is weir's own outbound.tcp[0].listen: "
            "a loop");
}

}  // namespace
}  // namespace weir::config
