// Where a request stands in its trace: W3C Trace Context, and what other tracers write instead.
//
// `traceparent` is read as https://www.w3.org/TR/trace-context/ says, strictly: a malformed one is
// as good as none. B3 (single and multiple fields), X-Ray and Jaeger give the same two ids.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/http/fields.h"

namespace weir::http {

// Zero is not an id.
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  constexpr bool empty() const { return (high | low) == 0; }
  constexpr bool operator==(const TraceId&) const = default;
};

struct SpanId {
  std::uint64_t value = 0;
  constexpr bool empty() const { return value == 0; }
  constexpr bool operator==(const SpanId&) const = default;
};

enum class Sampling : std::uint8_t { undecided, dropped, sampled };

struct TraceContext {
  TraceId trace;
  SpanId span;  // the caller's; empty where the format carried none
  Sampling sampling = Sampling::undecided;
  constexpr bool operator==(const TraceContext&) const = default;
};

// The value of a traceparent field. Version ff, upper case, zero ids and anything after version
// 00's flags are refused; of later versions the part that version 00 knows is read.
std::optional<TraceContext> parse_traceparent(std::string_view text);
// `b3`. A value that only decides upon sampling carries no ids and is not a context.
std::optional<TraceContext> parse_b3(std::string_view text);
// `x-amzn-trace-id`: Root, and Parent where it is there.
std::optional<TraceContext> parse_amazon(std::string_view text);
// `uber-trace-id`, percent-encoded or not.
std::optional<TraceContext> parse_jaeger(std::string_view text);

// traceparent where it is well-formed and stands there once; else b3, x-b3-*, x-amzn-trace-id and
// uber-trace-id, in this order.
std::optional<TraceContext> read_trace_context(const Fields& fields);
// Only traceparent.
std::optional<TraceContext> read_traceparent(const Fields& fields);

// Removes everything that read_trace_context() could read, and tracestate.
void remove_trace_context(Fields& fields);

// Version 00. `undecided` is written as sampled: the format has no word for it, and whoever
// receives "not sampled" throws the trace away.
using TraceParentText = std::array<char, 55>;
TraceParentText write_traceparent(const TraceContext& context);
// 32 digits.
std::array<char, 32> text_of(const TraceId& trace);

}  // namespace weir::http
