// The names of fields that weir itself acts upon, and sets of them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace weir::http {

// Every field that some part of weir reads or writes; `other` is everything else.
enum class Name : std::uint8_t {
  other,
  age,
  authorization,
  b3,
  baggage,
  connection,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  forwarded,
  grpc_message,
  grpc_previous_rpc_attempts,
  grpc_retry_pushback_ms,
  grpc_status,
  grpc_timeout,
  host,
  http2_settings,
  idempotency_key,
  keep_alive,
  proxy_authenticate,
  proxy_authentication_info,
  proxy_authorization,
  proxy_connection,
  proxy_status,
  retry_after,
  server,
  server_timing,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  via,
  weir_attempt,
  weir_budget_ms,
  weir_criticality,
  weir_failover,
  weir_failover_ms,
  x_envoy_attempt_count,
  x_envoy_expected_rq_timeout_ms,
  x_forwarded_client_cert,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
  x_weir_identity,
};

// The Name of a field name (a token, RFC 9110, 5.6.2) in any case; `other` when weir gives it no
// meaning.
Name parse_name(std::string_view text);
// The spelling that weir writes (lower case); empty for `other`.
std::string_view name_of(Name name);

class NameSet {
 public:
  constexpr NameSet() = default;
  constexpr NameSet(std::initializer_list<Name> names) {
    for (const Name name : names) add(name);
  }
  constexpr void add(Name name) { bits_ |= bit(name); }
  constexpr void remove(NameSet other) { bits_ &= ~other.bits_; }
  constexpr bool contains(Name name) const { return (bits_ & bit(name)) != 0; }
  constexpr bool overlaps(NameSet other) const { return (bits_ & other.bits_) != 0; }

 private:
  static constexpr std::uint64_t bit(Name name) { return 1ULL << static_cast<unsigned>(name); }
  std::uint64_t bits_ = 0;
};

}  // namespace weir::http
