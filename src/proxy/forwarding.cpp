#include "weir/proxy/forwarding.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "weir/http/alike.h"
#include "weir/http/hop_by_hop.h"
#include "weir/proxy/trailers.h"

namespace weir::proxy {
namespace {

using http::Name;

constexpr http::NameSet forwarded_names{Name::forwarded, Name::x_forwarded_for,
                                        Name::x_forwarded_proto, Name::x_forwarded_host};
// Believed only from behind the trust boundary.
constexpr http::NameSet trusted_names{Name::weir_attempt,
                                      Name::weir_budget_ms,
                                      Name::weir_criticality,
                                      Name::weir_failover,
                                      Name::grpc_previous_rpc_attempts,
                                      Name::x_envoy_attempt_count,
                                      Name::x_envoy_expected_rq_timeout_ms};

// What a caller may only claim whom we believe; the list of addresses before his is of use anyway.
constexpr http::NameSet claimed_names{Name::x_forwarded_proto, Name::x_forwarded_host};

// Appends `text` to the list that the field holds, as one field.
void append_to_list(http::Fields& fields, Name name, std::string_view text) {
  if (!fields.contains(name)) return fields.add(name, text);
  fmt::memory_buffer list;
  fields.for_each([&](const http::Field& field) {
    if (field.id != name || field.value.empty()) return;
    list.append(field.value);
    list.append(std::string_view{", "});
  });
  list.append(text);
  fields.set(name, {list.data(), list.size()});
}

// RFC 7239 for whoever has begun to use it; X-Forwarded-* always.
void append_forwarded(http::RequestHead& head, const Caller& caller) {
  const bool v6 = caller.address.family() == Address::Family::v6;
  const std::string host = caller.address.host();
  if (head.fields.contains(Name::forwarded)) {
    fmt::memory_buffer element;
    fmt::format_to(std::back_inserter(element), "for={}{}{};proto={}", v6 ? "\"[" : "", host,
                   v6 ? "]\"" : "", caller.scheme);
    append_to_list(head.fields, Name::forwarded, {element.data(), element.size()});
  }
  append_to_list(head.fields, Name::x_forwarded_for, host);
  if (!head.fields.contains(Name::x_forwarded_proto)) {
    head.fields.add(Name::x_forwarded_proto, caller.scheme);
  }
  if (!head.fields.contains(Name::x_forwarded_host) && !head.authority.empty()) {
    head.fields.add(Name::x_forwarded_host, head.authority);
  }
}

void set_forwarded(http::RequestHead& head, policy::Forwarding policy, const Caller& caller) {
  using enum policy::Forwarding;
  if (policy == remove || policy == replace) head.fields.remove(forwarded_names);
  if (policy == append || policy == replace) append_forwarded(head, caller);
}

bool is_claim(const http::Field& field, std::string_view header) {
  if (field.id == Name::x_forwarded_client_cert) return true;
  return (!header.empty() && http::alike(field.name, header)) ||
         http::alike(field.name, name_of(Name::x_forwarded_client_cert));
}

std::string_view via_of(http::Version received) {
  switch (received) {
    case http::Version::http_1_0: return "1.0 weir";
    case http::Version::http_1_1: return "1.1 weir";
    case http::Version::http_2: return "2 weir";
  }
  return "1.1 weir";
}

}  // namespace

void forward_request(http::RequestHead& head, const policy::Listener& listener,
                     const Caller& caller) {
  http::remove_hop_by_hop(head.fields);
  if (!listener.trusted) {
    head.fields.remove(trusted_names);
    if (listener.forwarded == policy::Forwarding::append) head.fields.remove(claimed_names);
  }
  set_forwarded(head, listener.forwarded, caller);
  if (listener.via) head.fields.add(Name::via, via_of(head.version));
  if (head.is_grpc()) head.fields.set(Name::te, "trailers");
  head.scheme = caller.scheme;
  // We have said `100 Continue` ourselves by the time the body is wanted.
  head.expects_continue = false;
}

bool has_claims(const http::Fields& fields, std::string_view header) {
  for (std::size_t index = 0; index < fields.size(); ++index) {
    if (is_claim(fields[index], header)) return true;
  }
  return false;
}

void remove_claims(http::Fields& fields, std::string_view header) {
  for (std::size_t index = 0; index < fields.size();) {
    if (is_claim(fields[index], header)) {
      fields.remove(fields[index].name);
      index = 0;
    } else {
      ++index;
    }
  }
}

void tell_identity(http::Fields& fields, std::string_view header, std::string_view identity) {
  remove_claims(fields, header);
  if (!header.empty() && !identity.empty()) fields.add(header, identity);
}

void mark_attempt(http::RequestHead& head, const resilience::Remainder& left,
                  AttemptNumber number) {
  resilience::write_grant(head.fields, left);
  if (number == AttemptNumber::first) return;
  head.fields.set(Name::weir_attempt, "2");
  if (head.is_grpc()) head.fields.set(Name::grpc_previous_rpc_attempts, "1");
}

void forward_response(http::ResponseHead& head, const policy::Listener& listener,
                      FailoverSpent spent) {
  http::remove_hop_by_hop(head.fields);
  if (listener.via) head.fields.add(Name::via, via_of(head.version));
  if (spent == FailoverSpent::no) return;
  head.fields.set(Name::weir_failover, "spent");
  mark_no_retry(head.fields);
}

}  // namespace weir::proxy
