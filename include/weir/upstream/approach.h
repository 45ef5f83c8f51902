// How the endpoints of an upstream are approached: the policy, and what connections are made with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "weir/base/address.h"
#include "weir/net/tls.h"
#include "weir/policy/upstream.h"

namespace weir::upstream {

// The two ends of a connection to an endpoint. Requests share a connection only where both ends are
// the same: an application that is called from its callers' addresses must not see one caller's
// request come from another's.
struct Ends {
  Address to;
  std::optional<Address> from{};  // port 0: any port; none: as the system chooses
  bool operator==(const Ends&) const = default;
};

struct Approach {
  explicit(false) Approach(const policy::Upstream& upstream) : policy(upstream) {}  // plain text

  const policy::Upstream& policy;               // stays as it is while connecting
  std::shared_ptr<const net::TlsClient> tls{};  // null: plain text
  // Of the configuration that says so: pools follow the newest, whoever comes with an older one.
  std::uint64_t generation = 0;
  std::optional<Ends> ends{};  // none: the endpoint's own address, from wherever
};

// A connection that has carried requests may turn out to be closed; a fresh one costs a connect.
enum class Freshness : std::uint8_t { any, fresh };

}  // namespace weir::upstream
