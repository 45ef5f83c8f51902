// How much time a request has: the minimum of all that was granted, and where it came from.
//
// Grants on the wire are relative (no synchronised clocks): `weir-budget-ms` and
// `x-envoy-expected-rq-timeout-ms` in decimal milliseconds, `grpc-timeout` as gRPC's
// "PROTOCOL-HTTP2" document defines it (1 to 8 digits and one of H M S m u n). A malformed grant is
// ignored and counted. Zero or less is a grant of nothing: the request has expired.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.h"
#include "weir/http/fields.h"

namespace weir::resilience {

// Which of the candidates was the smallest.
enum class BudgetSource : std::uint8_t {
  header,  // what the caller granted
  route,   // the route's budget
  // What was left of the inbound request that caused this call,
  exact,  // known by our own id,
  trace,  // or by something weaker
  listener_default,
  listener_maximum
};
std::string_view name_of(BudgetSource source);

struct Grant {
  std::optional<Duration> granted;  // the smallest well-formed grant
  std::uint8_t malformed = 0;       // how many were ignored
};

// Reads all grants that the fields hold.
Grant read_grant(const http::Fields& fields);
// Only `grpc-timeout`: what a caller may say also from beyond the trust boundary, because gRPC
// promises it to its callee; the listener's maximum and the route's budget bound it like any other.
Grant read_grpc_grant(const http::Fields& fields);

struct Inherited {
  Duration left;  // from the first byte of this request on; negative: it is too late
  BudgetSource source;
};

struct BudgetPolicy {
  std::optional<Duration> route;
  Duration fallback;  // the listener's default: when nobody else says anything
  Duration maximum;
  std::optional<Inherited> inherited{};
};

struct Budget {
  Duration total;  // counted from the first byte of the request; may be zero (expired)
  BudgetSource source;
};

Budget effective_budget(const Grant& grant, const BudgetPolicy& policy);

struct Remainder {
  Duration budget{};
  // Of a gRPC call as a whole, where it is one and is limited: more than `budget` where that covers
  // only the way to the response's head.
  std::optional<Duration> grpc_call{};
};
// Writes what is left for the next hop: `weir-budget-ms` always, `grpc-timeout` for gRPC calls, it
// and Envoy's header also where the request carried one. Sub-millisecond rests round down to
// 0, which is expired, so the caller of this function checks `left` first.
void write_grant(http::Fields& fields, const Remainder& left);

// "237000u": at most 8 digits, in the finest unit that fits, rounded down.
std::string grpc_timeout(Duration left);
std::optional<Duration> parse_grpc_timeout(std::string_view text);

}  // namespace weir::resilience
