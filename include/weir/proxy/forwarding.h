// What changes in a head on its way through: hop-by-hop fields, Via, Forwarded, marks.
//
// RFC 9110, section 7.6. Everything that depends on the attempt (the budget that is left, the
// retry mark) is set per attempt; everything else once.
#pragma once

#include <string_view>

#include "weir/base/address.h"
#include "weir/base/time.h"
#include "weir/http/message.h"
#include "weir/policy/service.h"
#include "weir/resilience/budget.h"

namespace weir::proxy {

// Prepares a request for the next hop, once per exchange. Fields that only our own kind may set are
// removed when the listener does not trust its callers. An upgrade is kept only as `head.upgrade`.
// A gRPC call says `te: trailers`, without which its servers refuse it. What an untrusted caller
// says of scheme and host is replaced, where X-Forwarded-* are told at all.
struct Caller {
  explicit(false) Caller(const Address& from, std::string_view by = "http")
      : address(from), scheme(by) {}

  const Address& address;
  // How the call crosses the network, "http" or "https": inbound as it came, outbound as it goes
  // on, because between the application and its own weir there is no network.
  std::string_view scheme;
};
void forward_request(http::RequestHead& head, const policy::Listener& listener,
                     const Caller& caller);

// Who the caller is only its certificate says. Whatever came under the name `header` (the policy's
// identity_header; empty: none) or as x-forwarded-client-cert is removed, also where the name is
// spelled with underscores, dots or the like, which some applications take for the same. The same
// for trailers.
void remove_claims(http::Fields& fields, std::string_view header);
bool has_claims(const http::Fields& fields, std::string_view header);
// Then tells the application under that name; nothing when `identity` is empty.
void tell_identity(http::Fields& fields, std::string_view header, std::string_view identity);

// Before each attempt: what is left of the budget, and the marks of a second attempt.
enum class AttemptNumber : std::uint8_t { first = 1, second = 2 };
void mark_attempt(http::RequestHead& head, const resilience::Remainder& left, AttemptNumber number);

// Prepares a response for the caller. `failover_spent`: this exchange made a second attempt, so
// nobody above should make another; the trailers of a gRPC response say so too (trailers.h).
enum class FailoverSpent : std::uint8_t { no, yes };
void forward_response(http::ResponseHead& head, const policy::Listener& listener,
                      FailoverSpent spent);

}  // namespace weir::proxy
