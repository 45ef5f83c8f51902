// Who may call what: the decision, over facts alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "weir/http/method.h"
#include "weir/policy/tls.h"

namespace weir::proxy {

// A request as rules see it.
struct CallFacts {
  std::string_view caller;  // the verified SPIFFE id; empty without one
  http::Method method = http::Method::get;
  std::string_view path;  // without the query, as it came; of CONNECT: empty
};

struct AuthorizationDecision {
  policy::AuthorizationRule::Effect effect = policy::AuthorizationRule::Effect::allow;
  std::optional<std::size_t> rule{};  // that decided, from 0; none: the default
};

// The first rule that fits decides. A rule's path is read as a route's: `/v1/*` takes `/v1`,
// `/v1/` and `/v1/x`, and not `/v1x`.
//
// A path that applications may read in more than one way (see is_ambiguous) fits every rule that
// denies, and of those that allow only such as are for every path: otherwise `/v1/../internal`
// would be allowed with `/v1/*` and served as `/internal`. So does CONNECT, behind which nobody
// sees the paths.
AuthorizationDecision decide(const policy::Authorization& authorization, const CallFacts& facts);

// Dot segments, empty segments, backslashes, semicolons, and percent-encoded bytes that need no
// encoding (RFC 3986, 2.3) or are separators or controls.
bool is_ambiguous(std::string_view path);

// Whether anybody could be refused.
bool guards(const policy::Authorization& authorization);

}  // namespace weir::proxy
