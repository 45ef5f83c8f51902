#include "weir/telemetry/log_line.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "sample_record.h"

namespace weir::telemetry {
namespace {

std::string line_of(const Record& record, policy::LogFormat format) {
  auto space = std::make_unique<std::array<char, LineFormatter::capacity>>();
  LineFormatter formatter;
  return {space->data(), formatter.format(record, format, *space)};
}
std::string json_of(const Record& record) { return line_of(record, policy::LogFormat::json); }
std::string text_of(const Record& record) { return line_of(record, policy::LogFormat::text); }

TEST(LogLine, tells_every_attempt_in_text) {
  EXPECT_EQ(
      text_of(sample_record()),
      "2026-10-21T02:30:00.123Z outbound 127.0.0.1:40112 \"GET /v1/items?page=2 HTTP/1.1\" 200 "
      "63.48ms attempts=[10.0.0.4:8080/503/41ms,10.0.0.9:8080/200/22ms] budget=250/186.52ms "
      "source=route cause=exact authority=\"catalog\" route=\"catalog-v1\" upstream=\"catalog\" "
      "version=\"v1\" bytes=0/1024 first_byte=63ms "
      "request_id=\"4bf92f3577b34da6a3ce929d0e0e4736\" user_agent=\"orders/2.3\"\n");
}

TEST(LogLine, tells_every_attempt_in_json) {
  EXPECT_EQ(
      json_of(sample_record()),
      R"({"time":"2026-10-21T02:30:00.123456Z","direction":"outbound",)"
      R"("downstream":"127.0.0.1:40112","protocol":"HTTP/1.1","method":"GET",)"
      R"("authority":"catalog","target":"/v1/items?page=2","status":200,)"
      R"("route":"catalog-v1","upstream":"catalog","version":"v1","duration_ms":63.48,)"
      R"("first_byte_ms":63,"request_bytes":0,"response_bytes":1024,)"
      R"("attempts":[{"endpoint":"10.0.0.4:8080","version":"v1","status":503,)"
      R"("duration_ms":41,"reused":true},{"endpoint":"10.0.0.9:8080","version":"v1",)"
      R"("status":200,"duration_ms":22}],"budget_ms":250,"budget_left_ms":186.52,)"
      R"("budget_source":"route","cause":"exact","request_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
      R"("user_agent":"orders/2.3"})"
      "\n");
}

TEST(LogLine, says_how_an_exchange_failed) {
  Record record;
  record.direction = Direction::inbound;
  record.protocol = http::Version::http_2;
  record.downstream = Address::parse("[2001:db8::1]:443").value();
  record.attempts[0].failure = resilience::Failure::connect_refused;
  record.attempts[0].elapsed = std::chrono::nanoseconds{250'999};
  record.attempts[1].upstream = "static-pages";
  record.attempts[1].status = 200;
  record.attempt_count = 2;
  record.failure = resilience::Failure::caller_gone;
  record.failover_refused = resilience::Refusal::no_tokens;
  record.grpc_status = 14;
  record.malformed_grants = 2;
  record.hedged = true;
  record.fallback = true;
  record.cascaded = true;
  record.attempts[0].unproductive = Unproductive::caller_gone;
  record.attempts[0].work = Work::late;
  record.unproductive = Unproductive::caller_gone;
  record.unproductive_time = std::chrono::milliseconds{12};
  const std::string text = text_of(record);
  const std::string json = json_of(record);
  for (const char* part : {" inbound [2001:db8::1]:443 ", "HTTP/2", "/connect_refused/0.25ms,",
                           " failure=caller_gone ", " failover_refused=no_tokens ", " hedged ",
                           " fallback ", " cascaded ", " unproductive=caller_gone/12ms",
                           " grpc_status=14/UNAVAILABLE ", " malformed_grants=2"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
  EXPECT_EQ(text.find(" cause="), std::string::npos)
      << "inbound requests are looked for, not found";
  for (const char* part :
       {R"("failure":"connect_refused","duration_ms":0.25,)"
        R"("unproductive":"caller_gone","late":true})",
        R"("upstream":"static-pages","status":200)",
        R"("grpc_status":14,"grpc_status_name":"UNAVAILABLE",)",
        R"("failure":"caller_gone","failover_refused":"no_tokens")",
        R"("hedged":true,"fallback":true,"cascaded":true,"unproductive":"caller_gone")",
        R"("unproductive_ms":12)", R"("malformed_grants":2)"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
  }
}

TEST(LogLine, keeps_a_grpc_status_that_has_no_name) {
  Record record;
  record.grpc_status = 42;
  EXPECT_NE(text_of(record).find(" grpc_status=42 "), std::string::npos);
  EXPECT_NE(json_of(record).find(R"("grpc_status":42,"duration_ms")"), std::string::npos);
}

TEST(LogLine, lets_nothing_hostile_out_of_its_field) {
  struct Case {
    std::string_view bytes;
    std::string_view json;
    std::string_view text;
  };
  const Case cases[] = {
      {"plain", "plain", "plain"},
      {R"(a"b\c)", R"(a\"b\\c)", R"(a\"b\\c)"},
      {"seven\x1f and longer \x7f than eight\" bytes",
       R"(seven\u001f and longer \u007f than eight\" bytes)",
       R"(seven\x1f and longer \x7f than eight\" bytes)"},
      {"a\r\nb\tc", R"(a\u000d\u000ab\u0009c)", R"(a\x0d\x0ab\x09c)"},
      {std::string_view{"nul\0", 4}, R"(nul\u0000)", R"(nul\x00)"},
      {"\x1b[31m\x7f", R"(\u001b[31m\u007f)", R"(\x1b[31m\x7f)"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
       R"(caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80)"},
      {"\xc2\x9b", R"(\u009b)", R"(\xc2\x9b)"},                      // C1: a terminal's CSI
      {"\xff", R"(\ufffd)", R"(\xff)"},                              // no UTF-8 at all
      {"\xc3", R"(\ufffd)", R"(\xc3)"},                              // cut off
      {"\xc0\xaf", R"(\ufffd\ufffd)", R"(\xc0\xaf)"},                // overlong
      {"\xed\xa0\x80", R"(\ufffd\ufffd\ufffd)", R"(\xed\xa0\x80)"},  // surrogate
      {"\xf4\x90\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)", R"(\xf4\x90\x80\x80)"},  // too large
      {"\xe2\x82\"", R"(\ufffd\ufffd\")", R"(\xe2\x82\")"},  // does not swallow the quote
  };
  for (const auto& [bytes, json, text] : cases) {
    Record record;
    record.user_agent = bytes;
    EXPECT_NE(json_of(record).find("\"user_agent\":\"" + std::string{json} + "\"}\n"),
              std::string::npos)
        << json_of(record);
    EXPECT_NE(text_of(record).find(" user_agent=\"" + std::string{text} + "\"\n"),
              std::string::npos)
        << text_of(record);
  }
}

TEST(LogLine, cuts_what_is_too_long_between_characters) {
  Record record;
  std::string agent(LineLimits::user_agent - 1, 'a');
  record.user_agent = agent += "\xc3\xa9tail";
  std::string cut(LineLimits::user_agent - 1, 'a');
  cut += "...\"}";
  EXPECT_NE(json_of(record).find(cut), std::string::npos);
}

TEST(LogLine, holds_the_worst_of_everything) {
  const std::string worst(100'000, '\x01');
  Record record;
  record.method_text = record.authority = record.target = record.request_id = worst;
  record.user_agent = record.route = record.upstream = record.version = worst;
  for (auto& attempt : record.attempts) attempt.version = attempt.upstream = worst;
  record.attempt_count = 3;
  for (const auto format : {policy::LogFormat::json, policy::LogFormat::text}) {
    const std::string line = line_of(record, format);
    EXPECT_LT(line.size(), LineFormatter::capacity - 1024);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\x01'), std::string::npos);
  }
}

TEST(LogLine, follows_the_clock_from_second_to_second) {
  auto space = std::make_unique<std::array<char, LineFormatter::capacity>>();
  LineFormatter formatter;
  const std::pair<std::int64_t, std::string_view> cases[] = {
      {951'827'696, "2000-02-29T12:34:56"},
      {951'827'697, "2000-02-29T12:34:57"},
      {0, "1970-01-01T00:00:00"},
      {4'102'444'799, "2099-12-31T23:59:59"}};
  for (const auto& [unix_seconds, text] : cases) {
    Record record;
    record.started = WallTime{std::chrono::seconds{unix_seconds}};
    formatter.format(record, policy::LogFormat::text, *space);
    EXPECT_EQ(std::string_view(space->data(), text.size()), text);
  }
}

}  // namespace
}  // namespace weir::telemetry
