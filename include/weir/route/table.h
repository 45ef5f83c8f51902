// Routes compiled for look-up: immutable, shared by all workers, no allocation on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/address.h"
#include "weir/base/random.h"
#include "weir/http/message.h"
#include "weir/policy/route.h"

namespace weir::route {

// Most specific first: exact host before suffix before prefix before any; within a host the exact
// path, then the longest prefix, then the longest suffix, then any; among equals, routes that ask
// for a method, fields or a caller before the rest, then the order of the file. A route that does
// not hold gives way to the next specific one.
//
// The host is compared without its port and without case. A path is compared without its query and
// as it stands: dot segments and encoded slashes are never normalised. A path prefix ends at a
// segment: `/v1/*` takes `/v1/x`, `/v1/` and `/v1` itself, as the Gateway API's PathPrefix does,
// and not `/v1x`; `/*` takes every path but `*`. Of several fields with one name the first counts.
//
// A look-up costs a hash per host label and path segment that some route knows, however many routes
// there are; routes that share host and path and differ in what else they ask are tried in turn.
class Table {
 public:
  // The routes must outlive the table (the snapshot holds both).
  explicit Table(std::span<const policy::Route> routes);
  ~Table();
  Table(Table&&) noexcept;
  Table& operator=(Table&&) noexcept;

  // The index of the route that takes this request; nullopt when none does. `caller` is the
  // identity of whoever caused it; empty, proved by nobody: routes that name callers are not his.
  std::optional<std::size_t> find(const http::RequestHead& request,
                                  std::string_view caller = {}) const;
  // Whether any route asks who is calling.
  bool asks_for_caller() const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

// The version that a route picks. `client` serves sticky: client_address. Empty: any version.
//
// Cohorts and sticky splits hash the key with the upstream's name, so that a user meets the same
// version of an upstream on all its routes, in every process and after every restart, while cohorts
// of different upstreams are independent. Enlarging a cohort keeps its members. A request without
// the key is in no cohort, and its split is by chance.
std::string_view choose_version(const policy::Route& route, const http::RequestHead& request,
                                const Address& client, Random& random);

// Whether the request has the field or cookie and its (first) value fits.
bool holds(const policy::FieldMatch& match, const http::RequestHead& request);

// The text that `key` names in this request; empty when absent, and for client_address.
std::string_view sticky_text(const policy::StickyKey& key, const http::RequestHead& request);
// Its stable hash; nullopt when absent or empty. An IPv4 client hashes alike in both notations.
std::optional<std::uint64_t> sticky_hash(const policy::StickyKey& key,
                                         const http::RequestHead& request, const Address& client);
// The value of one cookie (RFC 6265, 5.4), quotes included; nullopt when absent.
std::optional<std::string_view> find_cookie(const http::Fields& fields, std::string_view name);

}  // namespace weir::route
