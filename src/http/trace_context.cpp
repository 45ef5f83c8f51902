#include "weir/http/trace_context.h"

#include <algorithm>

namespace weir::http {
namespace {

enum class Digits : std::uint8_t { lower_case, any_case };

constexpr int digit_of(char letter, Digits allowed) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (allowed == Digits::any_case && letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

// 1 to 16 hexadecimal digits.
std::optional<std::uint64_t> parse_hex(std::string_view text, Digits allowed) {
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::uint64_t number = 0;
  for (const char letter : text) {
    const int digit = digit_of(letter, allowed);
    if (digit < 0) return std::nullopt;
    number = number << 4U | static_cast<std::uint64_t>(digit);
  }
  return number;
}

// 1 to 32 digits, padded on the left; never zero.
std::optional<TraceId> parse_trace_id(std::string_view text, Digits allowed) {
  if (text.size() > 32) return std::nullopt;
  TraceId id;
  if (text.size() > 16) {
    const auto high = parse_hex(text.substr(0, text.size() - 16), allowed);
    if (!high) return std::nullopt;
    id.high = *high;
    text.remove_prefix(text.size() - 16);
  }
  const auto low = parse_hex(text, allowed);
  if (!low) return std::nullopt;
  id.low = *low;
  return id.empty() ? std::nullopt : std::optional{id};
}

std::optional<SpanId> parse_span_id(std::string_view text, Digits allowed) {
  const auto value = parse_hex(text, allowed);
  return value && *value != 0 ? std::optional{SpanId{*value}} : std::nullopt;
}

// The part before `separator`, which is taken away with it.
std::string_view take_until(std::string_view& text, std::string_view separator) {
  const auto at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + separator.size());
  return part;
}

Sampling parse_b3_sampling(std::string_view text) {
  if (text == "1" || text == "d" || text == "true") return Sampling::sampled;
  if (text == "0" || text == "false") return Sampling::dropped;
  return Sampling::undecided;
}

constexpr bool is_b3_trace_size(std::size_t size) { return size == 16 || size == 32; }

std::optional<TraceContext> join(std::optional<TraceId> trace, std::optional<SpanId> span,
                                 Sampling sampling) {
  if (!trace || !span) return std::nullopt;
  return TraceContext{*trace, *span, sampling};
}

// What stands in fields that have no Name; seldom there, so they are looked for together.
struct Others {
  std::string_view b3_trace;
  std::string_view b3_span;
  std::string_view b3_sampled;
  std::string_view amazon;
  std::string_view jaeger;
};

constexpr std::array<std::string_view, 7> other_names{
    "x-b3-traceid", "x-b3-spanid",     "x-b3-parentspanid", "x-b3-sampled",
    "x-b3-flags",   "x-amzn-trace-id", "uber-trace-id"};

// Decided by the first letter for nearly every field.
bool may_be_other(std::string_view name) {
  if (name.size() < 10) return false;
  const char letter = static_cast<char>(name[0] | 0x20);
  return letter == 'u' || (letter == 'x' && name[1] == '-');
}

Others find_others(const Fields& fields) {
  Others found;
  fields.for_each([&found](const Field& field) {
    if (field.id != Name::other || !may_be_other(field.name)) return;
    const auto take = [&field](std::string_view name, std::string_view& into) {
      if (into.empty() && equal_without_case(field.name, name)) into = field.value;
    };
    take("x-b3-traceid", found.b3_trace);
    take("x-b3-spanid", found.b3_span);
    take("x-b3-sampled", found.b3_sampled);
    take("x-amzn-trace-id", found.amazon);
    take("uber-trace-id", found.jaeger);
  });
  return found;
}

void write_hex(std::uint64_t number, std::size_t digits, char* into) {
  constexpr std::string_view letters = "0123456789abcdef";
  for (std::size_t at = digits; at-- > 0; number >>= 4U) into[at] = letters[number & 0xfU];
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  constexpr std::size_t whole = 55;
  constexpr std::uint64_t sampled_flag = 1;
  if (text.size() < whole || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const auto version = parse_hex(text.substr(0, 2), Digits::lower_case);
  if (!version || *version == 0xff) return std::nullopt;
  if (text.size() > whole && (*version == 0 || text[whole] != '-')) return std::nullopt;
  const auto flags = parse_hex(text.substr(53, 2), Digits::lower_case);
  if (!flags) return std::nullopt;
  return join(parse_trace_id(text.substr(3, 32), Digits::lower_case),
              parse_span_id(text.substr(36, 16), Digits::lower_case),
              (*flags & sampled_flag) != 0 ? Sampling::sampled : Sampling::dropped);
}

std::optional<TraceContext> parse_b3(std::string_view text) {
  const std::string_view trace = take_until(text, "-");
  const std::string_view span = take_until(text, "-");
  const std::string_view sampled = take_until(text, "-");
  if (!is_b3_trace_size(trace.size()) || span.size() != 16) return std::nullopt;
  return join(parse_trace_id(trace, Digits::any_case), parse_span_id(span, Digits::any_case),
              parse_b3_sampling(sampled));
}

std::optional<TraceContext> parse_amazon(std::string_view text) {
  TraceContext context;
  while (!text.empty()) {
    std::string_view part = take_until(text, ";");
    while (part.starts_with(' ')) part.remove_prefix(1);
    const std::string_view key = take_until(part, "=");
    if (key == "Root") {
      // 1-<8 digits of time>-<24 digits>
      if (part.size() != 35 || !part.starts_with("1-") || part[10] != '-') return std::nullopt;
      std::array<char, 32> digits{};
      std::ranges::copy(part.substr(2, 8), digits.begin());
      std::ranges::copy(part.substr(11), digits.begin() + 8);
      const auto trace = parse_trace_id({digits.data(), digits.size()}, Digits::any_case);
      if (!trace) return std::nullopt;
      context.trace = *trace;
    } else if (key == "Parent") {
      const auto span = parse_span_id(part, Digits::any_case);
      if (span && part.size() == 16) context.span = *span;
    } else if (key == "Sampled") {
      context.sampling = parse_b3_sampling(part);
    }
  }
  return context.trace.empty() ? std::nullopt : std::optional{context};
}

std::optional<TraceContext> parse_jaeger(std::string_view text) {
  const auto take = [&text] {
    const auto plain = text.find(':');
    const auto encoded = std::min(text.find("%3A"), text.find("%3a"));
    return take_until(text, plain < encoded ? ":" : text.substr(std::min(encoded, text.size()), 3));
  };
  const std::string_view trace = take();
  const std::string_view span = take();
  take();  // the parent's span, which is obsolete
  const auto flags = parse_hex(text, Digits::any_case);
  if (!flags || text.size() > 2) return std::nullopt;
  return join(parse_trace_id(trace, Digits::any_case), parse_span_id(span, Digits::any_case),
              (*flags & 1U) != 0 ? Sampling::sampled : Sampling::dropped);
}

std::optional<TraceContext> read_traceparent(const Fields& fields) {
  const auto text = fields.find(Name::traceparent);
  if (!text || fields.count(Name::traceparent) != 1) return std::nullopt;
  return parse_traceparent(*text);
}

std::optional<TraceContext> read_trace_context(const Fields& fields) {
  if (auto context = read_traceparent(fields)) return context;
  if (const auto b3 = fields.find(Name::b3)) {
    if (auto context = parse_b3(*b3)) return context;
  }
  const Others others = find_others(fields);
  if (is_b3_trace_size(others.b3_trace.size()) && others.b3_span.size() == 16) {
    auto context =
        join(parse_trace_id(others.b3_trace, Digits::any_case),
             parse_span_id(others.b3_span, Digits::any_case), parse_b3_sampling(others.b3_sampled));
    if (context) return context;
  }
  if (auto context = parse_amazon(others.amazon)) return context;
  return others.jaeger.empty() ? std::nullopt : parse_jaeger(others.jaeger);
}

void remove_trace_context(Fields& fields) {
  for (const Name name : {Name::traceparent, Name::tracestate, Name::b3}) fields.remove(name);
  for (const std::string_view name : other_names) fields.remove(name);
}

TraceParentText write_traceparent(const TraceContext& context) {
  TraceParentText text;
  constexpr std::string_view frame = "00-                                -                -0 ";
  std::ranges::copy(frame, text.begin());
  write_hex(context.trace.high, 16, text.data() + 3);
  write_hex(context.trace.low, 16, text.data() + 19);
  write_hex(context.span.value, 16, text.data() + 36);
  text[54] = context.sampling == Sampling::dropped ? '0' : '1';
  return text;
}

std::array<char, 32> text_of(const TraceId& trace) {
  std::array<char, 32> text{};
  write_hex(trace.high, 16, text.data());
  write_hex(trace.low, 16, text.data() + 16);
  return text;
}

}  // namespace weir::http
