#include "weir/telemetry/log_line.h"

#include <algorithm>
#include <cstdint>

#include "appender.h"
#include "shard.h"
#include "weir/http/grpc.h"

namespace weir::telemetry {
namespace {

using resilience::Failure;
using resilience::Refusal;

std::string_view protocol_of(const Record& record) {
  if (record.tunnel) return "tcp";
  switch (record.protocol) {
    case http::Version::http_1_0: return "HTTP/1.0";
    case http::Version::http_1_1: return "HTTP/1.1";
    case http::Version::http_2: return "HTTP/2";
  }
  return "";
}

// Only of calls of the application, and only when they have a route, which says whether to look.
bool looked_for_cause(const Record& record) {
  return record.direction == Direction::outbound && !record.upstream.empty();
}

class JsonLine {
 public:
  explicit JsonLine(Appender& out) : out_(out) {}

  void write(const Record& record, std::string_view second, std::uint64_t microseconds) {
    out_.literal("{\"time\":\"");
    out_.raw(second);
    out_.padded(microseconds, 6);
    out_.literal("Z\"");
    word("direction", name_of(record.direction));
    key("downstream");
    out_.raw('"');
    out_.address(record.downstream);
    out_.raw('"');
    word("protocol", protocol_of(record));
    if (record.tunnel) {
      write_tunnel(*record.tunnel);
      optional_text("server_name", record.authority, LineLimits::authority);
    } else {
      text("method", record.method_text, LineLimits::name);
      text("authority", record.authority, LineLimits::authority);
      text("target", record.target, LineLimits::target);
      count("status", record.status);
    }
    if (record.grpc_status) write_grpc(*record.grpc_status);
    write_choice(record);
    milliseconds("duration_ms", record.elapsed);
    if (record.first_byte) milliseconds("first_byte_ms", *record.first_byte);
    count("request_bytes", record.bytes_received);
    count("response_bytes", record.bytes_sent);
    write_attempts(record);
    if (!record.tunnel) write_budget(record);
    write_ending(record);
    optional_text("request_id", record.request_id, LineLimits::name);
    optional_text("user_agent", record.user_agent, LineLimits::user_agent);
    out_.literal("}\n");
  }

 private:
  void write_grpc(std::uint8_t status) {
    count("grpc_status", status);
    const std::string_view name = http::name_of(static_cast<http::GrpcStatus>(status));
    if (!name.empty()) word("grpc_status_name", name);
  }

  void write_tunnel(const TunnelFacts& tunnel) {
    word("end", name_of(tunnel.end));
    if (!tunnel.destination) return;
    key("destination");
    out_.raw('"');
    out_.address(*tunnel.destination);
    out_.raw('"');
  }

  void write_choice(const Record& record) {
    optional_text("route", record.route, LineLimits::name);
    optional_text("upstream", record.upstream, LineLimits::name);
    optional_text("version", record.version, LineLimits::name);
  }

  void write_attempts(const Record& record) {
    key("attempts");
    char separator = '[';
    for (const AttemptRecord& attempt : attempts_of(record)) {
      out_.raw(separator);
      separator = ',';
      out_.literal("{\"endpoint\":\"");
      out_.address(attempt.endpoint);
      out_.raw('"');
      optional_text("upstream", attempt.upstream, LineLimits::name);
      optional_text("version", attempt.version, LineLimits::name);
      if (attempt.status != 0) count("status", attempt.status);
      if (attempt.failure != Failure::none) word("failure", resilience::name_of(attempt.failure));
      milliseconds("duration_ms", attempt.elapsed);
      if (attempt.reused_connection) flag("reused");
      if (attempt.unproductive != Unproductive::none) {
        word("unproductive", name_of(attempt.unproductive));
        if (attempt.work == Work::late) flag("late");
      }
      out_.raw('}');
    }
    out_.raw(separator == '[' ? "[]" : "]");
  }

  void write_budget(const Record& record) {
    milliseconds("budget_ms", record.budget);
    milliseconds("budget_left_ms", record.budget_left);
    word("budget_source", resilience::name_of(record.budget_source));
    if (looked_for_cause(record)) word("cause", name_of(record.cause));
    if (record.malformed_grants > 0) count("malformed_grants", record.malformed_grants);
  }

  void write_ending(const Record& record) {
    if (record.failure != Failure::none) word("failure", resilience::name_of(record.failure));
    if (record.failover_refused != Refusal::none) {
      word("failover_refused", resilience::name_of(record.failover_refused));
    }
    write_authorization(record);
    if (record.hedged) flag("hedged");
    if (record.fallback) flag("fallback");
    if (record.cascaded) flag("cascaded");
    if (record.unproductive != Unproductive::none) {
      word("unproductive", name_of(record.unproductive));
      milliseconds("unproductive_ms", record.unproductive_time);
    }
  }

  void write_authorization(const Record& record) {
    optional_text("caller", record.caller, LineLimits::name);
    if (record.authorization < AuthorizationVerdict::denied) return;
    word("authorization", name_of(record.authorization));
    if (record.authorization_rule) count("authorization_rule", *record.authorization_rule + 1);
  }

  // Names are literals, so that each goes out by a few stores of a known size.
  template <std::size_t size>
  void key(const char (&name)[size]) {
    constexpr std::size_t length = size - 1;
    char* const at = out_.claim(length + 4);
    if (at == nullptr) return;
    std::copy_n(",\"", 2, at);
    std::copy_n(name, length, at + 2);
    std::copy_n("\":", 2, at + 2 + length);
  }
  // A word of our own, which needs no escaping.
  template <std::size_t size>
  void word(const char (&name)[size], std::string_view value) {
    key(name);
    out_.raw('"');
    out_.raw(value);
    out_.raw('"');
  }
  template <std::size_t size>
  void text(const char (&name)[size], std::string_view value, std::size_t limit) {
    key(name);
    out_.raw('"');
    out_.json(value, limit);
    out_.raw('"');
  }
  template <std::size_t size>
  void optional_text(const char (&name)[size], std::string_view value, std::size_t limit) {
    if (!value.empty()) text(name, value, limit);
  }
  template <std::size_t size>
  void count(const char (&name)[size], std::uint64_t value) {
    key(name);
    out_.number(value);
  }
  template <std::size_t size>
  void milliseconds(const char (&name)[size], Duration value) {
    key(name);
    out_.milliseconds(value);
  }
  template <std::size_t size>
  void flag(const char (&name)[size]) {
    key(name);
    out_.literal("true");
  }

  Appender& out_;
};

class TextLine {
 public:
  explicit TextLine(Appender& out) : out_(out) {}

  void write(const Record& record, std::string_view second, std::uint64_t microseconds) {
    out_.raw(second);
    out_.padded(microseconds / 1000, 3);
    out_.raw("Z ");
    out_.raw(name_of(record.direction));
    out_.raw(' ');
    out_.address(record.downstream);
    if (record.tunnel) {
      write_tunnel(*record.tunnel);
    } else {
      write_request(record);
    }
    out_.milliseconds(record.elapsed);
    out_.raw("ms attempts=");
    write_attempts(record);
    if (!record.tunnel) write_budget(record);
    write_ending(record);
    write_rest(record);
    out_.raw('\n');
  }

 private:
  // tcp 10.0.0.4:5432 closed
  void write_tunnel(const TunnelFacts& tunnel) {
    out_.raw(" tcp ");
    if (tunnel.destination) {
      out_.address(*tunnel.destination);
    } else {
      out_.raw('-');
    }
    out_.raw(' ');
    out_.raw(name_of(tunnel.end));
    out_.raw(' ');
  }

  void write_request(const Record& record) {
    out_.raw(" \"");
    out_.quoted(record.method_text, LineLimits::name);
    out_.raw(' ');
    out_.quoted(record.target, LineLimits::target);
    out_.raw(' ');
    out_.raw(protocol_of(record));
    out_.raw("\" ");
    out_.number(record.status);
    out_.raw(' ');
  }

  void write_budget(const Record& record) {
    out_.raw(" budget=");
    out_.milliseconds(record.budget);
    out_.raw('/');
    out_.milliseconds(record.budget_left);
    out_.raw("ms");
    word("source", resilience::name_of(record.budget_source));
    if (looked_for_cause(record)) word("cause", name_of(record.cause));
  }

  // [10.0.0.4:8080/503/41ms,10.0.0.9:8080/connect_refused/0.2ms]
  void write_attempts(const Record& record) {
    out_.raw('[');
    char separator = '\0';
    for (const AttemptRecord& attempt : attempts_of(record)) {
      if (separator != '\0') out_.raw(separator);
      separator = ',';
      out_.address(attempt.endpoint);
      out_.raw('/');
      if (attempt.failure != Failure::none) {
        out_.raw(resilience::name_of(attempt.failure));
      } else if (record.tunnel) {
        out_.raw("connected");
      } else {
        out_.number(attempt.status);
      }
      out_.raw('/');
      out_.milliseconds(attempt.elapsed);
      out_.raw("ms");
    }
    out_.raw(']');
  }

  void write_ending(const Record& record) {
    if (record.failure != Failure::none) word("failure", resilience::name_of(record.failure));
    if (record.failover_refused != Refusal::none) {
      word("failover_refused", resilience::name_of(record.failover_refused));
    }
    write_authorization(record);
    if (record.hedged) out_.raw(" hedged");
    if (record.fallback) out_.raw(" fallback");
    if (record.cascaded) out_.raw(" cascaded");
    if (record.unproductive == Unproductive::none) return;
    word("unproductive", name_of(record.unproductive));
    out_.raw('/');
    out_.milliseconds(record.unproductive_time);
    out_.raw("ms");
  }

  void write_authorization(const Record& record) {
    text("caller", record.caller, LineLimits::name);
    if (record.authorization < AuthorizationVerdict::denied) return;
    word("authorization", name_of(record.authorization));
    if (record.authorization_rule) count("authorization_rule", *record.authorization_rule + 1);
  }

  // 14/UNAVAILABLE
  void write_grpc(std::uint8_t status) {
    count("grpc_status", status);
    const std::string_view name = http::name_of(static_cast<http::GrpcStatus>(status));
    if (name.empty()) return;
    out_.raw('/');
    out_.raw(name);
  }

  void write_rest(const Record& record) {
    if (record.grpc_status) write_grpc(*record.grpc_status);
    if (record.malformed_grants > 0) count("malformed_grants", record.malformed_grants);
    text("authority", record.authority, LineLimits::authority);
    text("route", record.route, LineLimits::name);
    text("upstream", record.upstream, LineLimits::name);
    text("version", record.version, LineLimits::name);
    out_.raw(" bytes=");
    out_.number(record.bytes_received);
    out_.raw('/');
    out_.number(record.bytes_sent);
    if (record.first_byte) {
      out_.raw(" first_byte=");
      out_.milliseconds(*record.first_byte);
      out_.raw("ms");
    }
    text("request_id", record.request_id, LineLimits::name);
    text("user_agent", record.user_agent, LineLimits::user_agent);
  }

  void word(std::string_view name, std::string_view value) {
    out_.raw(' ');
    out_.raw(name);
    out_.raw('=');
    out_.raw(value);
  }
  void count(std::string_view name, std::uint64_t value) {
    word(name, {});
    out_.number(value);
  }
  void text(std::string_view name, std::string_view value, std::size_t limit) {
    if (value.empty()) return;
    word(name, "\"");
    out_.quoted(value, limit);
    out_.raw('"');
  }

  Appender& out_;
};

}  // namespace

std::size_t LineFormatter::format(const Record& record, policy::LogFormat format,
                                  std::span<char, capacity> space) {
  using std::chrono::floor;
  const auto since_epoch = record.started.time_since_epoch();
  const auto second = floor<std::chrono::seconds>(since_epoch);
  const auto rest = floor<std::chrono::microseconds>(since_epoch - second).count();
  if (second.count() != second_) {
    second_ = second.count();
    const auto day = floor<std::chrono::days>(record.started);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{floor<std::chrono::seconds>(record.started - day)};
    Appender out{second_text_};
    out.padded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
    out.raw('-');
    out.padded(static_cast<unsigned>(date.month()), 2);
    out.raw('-');
    out.padded(static_cast<unsigned>(date.day()), 2);
    out.raw('T');
    out.padded(static_cast<std::uint64_t>(time.hours().count()), 2);
    out.raw(':');
    out.padded(static_cast<std::uint64_t>(time.minutes().count()), 2);
    out.raw(':');
    out.padded(static_cast<std::uint64_t>(time.seconds().count()), 2);
    out.raw('.');
  }
  Appender out{space};
  const std::string_view text{second_text_, sizeof second_text_};
  const auto microseconds = static_cast<std::uint64_t>(rest);
  if (format == policy::LogFormat::json) {
    JsonLine{out}.write(record, text, microseconds);
  } else {
    TextLine{out}.write(record, text, microseconds);
  }
  return out.size();
}

}  // namespace weir::telemetry
