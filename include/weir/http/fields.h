// Header and trailer fields: an ordered list in one block of text, names kept as they came.
//
// Names compare case-insensitively. The names that weir itself acts upon have a `Name`, found once
// while parsing, so that later look-ups compare a byte. Views that are handed out stay valid
// until the next change of the same Fields. clear() keeps the memory: a reused Fields does not
// allocate. Limits belong to the codec that fills it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

struct Field {
  std::string_view name;
  std::string_view value;  // without surrounding white space
  Name id = Name::other;
};

class Fields {
 public:
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Field operator[](std::size_t index) const;

  void add(std::string_view name, std::string_view value);
  void add(Name name, std::string_view value);
  // As add(name, value) when the caller has looked the name up already.
  void add(Name id, std::string_view name, std::string_view value);
  // Removes every field of that name, then adds one.
  void set(Name name, std::string_view value);
  void remove(Name name);
  void remove(std::string_view name);
  void clear();

  // The first value; nullopt when absent.
  std::optional<std::string_view> find(Name name) const;
  std::optional<std::string_view> find(std::string_view name) const;
  bool contains(Name name) const { return (present_ >> static_cast<unsigned>(name)) & 1U; }
  std::size_t count(Name name) const;

  // Every field in order; `visit` takes a Field.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t index = 0; index < entries_.size(); ++index) visit((*this)[index]);
  }

  // The bytes held, to be charged against a limit.
  std::size_t text_size() const { return text_.size(); }

 private:
  struct Entry {
    std::uint32_t offset;
    std::uint32_t value_offset;
    std::uint32_t value_size;
    std::uint16_t name_size;
    Name id;
  };
  std::string text_;
  std::vector<Entry> entries_;
  std::uint64_t present_ = 0;  // a bit per Name
};

// True when `list` (comma-separated, RFC 9110, 5.6.1) holds `token`, compared without case.
bool list_contains(std::string_view list, std::string_view token);
bool equal_without_case(std::string_view left, std::string_view right);

}  // namespace weir::http
