// Who may call what: the decision, over facts alone.
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string_view>

#include "weir/http/message.h"
#include "weir/http/method.h"
#include "weir/policy/tls.h"

namespace weir::proxy {

// By http::Method.
using Methods = std::bitset<static_cast<std::size_t>(http::Method::other) + 1>;

// A request as rules see it.
struct CallFacts {
  std::string_view caller;  // the verified SPIFFE id; empty without one
  http::Method method = http::Method::get;
  std::string_view path;   // without the query, as it came; of CONNECT: empty
  Methods overrides{};     // what applications may take for the method instead
  bool rewritten = false;  // see rewrites_path()
};

// What X-HTTP-Method-Override and its like ask for, all of them when it is no method that we know;
// and of a method that none knows, such as `delete`, what it is in capitals.
Methods method_overrides(const http::RequestHead& head);

// Whether X-Original-URL or its like names another path, which some frameworks serve in place of
// the one in the request.
bool rewrites_path(const http::Fields& fields);

struct AuthorizationDecision {
  policy::AuthorizationRule::Effect effect = policy::AuthorizationRule::Effect::allow;
  std::optional<std::size_t> rule{};  // that decided, from 0; none: the default
};

// The first rule that fits decides. A rule's path is read as a route's: `/v1/*` takes `/v1`,
// `/v1/` and `/v1/x`, and not `/v1x`. One that denies `/v1` denies `/v1/`, too, because many
// applications do not tell them apart.
//
// Of a call that asks for another method as well, a rule that denies any of them fits, and one that
// allows must allow them all.
//
// A path that applications may read in more than one way (see is_ambiguous) fits every rule that
// denies, and of those that allow only such as are for every path: otherwise `/v1/../internal`
// would be allowed with `/v1/*` and served as `/internal`. So does one that another may take the
// place of, and CONNECT, behind which nobody sees the paths.
AuthorizationDecision decide(const policy::Authorization& authorization, const CallFacts& facts);

// Dot segments, empty segments, backslashes, semicolons, number signs, and percent-encoded bytes
// that need no encoding (RFC 3986, 2.3), are separators or controls, or are in no UTF-8 (of which
// lenient decoders make others).
bool is_ambiguous(std::string_view path);

// Whether anybody could be refused.
bool guards(const policy::Authorization& authorization);

}  // namespace weir::proxy
