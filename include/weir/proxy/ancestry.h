// What a request's head says of where it comes from, and what we write there for the application
// to carry.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/random.h"
#include "weir/http/fields.h"
#include "weir/http/trace_context.h"
#include "weir/policy/service.h"

namespace weir::proxy {

// An inbound request, in this process and nowhere else: the tag cannot be made up, and is worth
// nothing after a restart. On the wire 40 hexadecimal digits in tracestate: `weir=...`.
struct CauseId {
  std::uint32_t place = 0;     // worker and slot
  std::uint64_t sequence = 0;  // which of the slot's tenants
  std::uint64_t tag = 0;
  bool operator==(const CauseId&) const = default;

  static std::optional<CauseId> parse(std::string_view text);
  static constexpr std::string_view key = "weir";
  using Member = std::array<char, 45>;
  Member member() const;  // "weir=..."
};

// Views are valid until the fields change.
struct Ancestry {
  std::optional<CauseId> id{};
  http::TraceId trace{};  // empty: none
  http::SpanId span{};
  std::string_view request_id{};
};

// Of a call that the application makes.
Ancestry read_ancestry(const http::Fields& fields);

// Of a request that the application is about to get. Afterwards the fields hold a well-formed
// traceparent, because without one no tracing library carries tracestate: the caller's, the same
// ids as in b3, x-b3-*, x-amzn-trace-id or uber-trace-id, or a fresh trace. From beyond the trust
// boundary nothing is believed: the trace is fresh, and an x-request-id is replaced by its id.
Ancestry adopt_ancestry(http::Fields& fields, const policy::Listener& listener, Random& random);

// Puts `id` first in tracestate; a malformed tracestate is dropped.
void write_cause(http::Fields& fields, const CauseId& id);
// Takes our entry out: it means nothing beyond this process. A malformed tracestate is dropped.
void remove_cause(http::Fields& fields);

}  // namespace weir::proxy
