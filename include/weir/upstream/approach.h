// How the endpoints of an upstream are approached: the policy, and what connections are made with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "weir/base/address.h"
#include "weir/net/tls.h"
#include "weir/policy/upstream.h"

namespace weir::upstream {

struct Approach {
  Approach(const policy::Upstream& upstream)
      : policy(upstream) {}  // plain text; implicit on purpose

  const policy::Upstream& policy;               // stays as it is while connecting
  std::shared_ptr<const net::TlsClient> tls{};  // null: plain text
  // Of the configuration that says so: pools follow the newest, whoever comes with an older one.
  std::uint64_t generation = 0;
  std::optional<Address> source{};  // what connections come from; none: as the system chooses
};

// A connection that has carried requests may turn out to be closed; a fresh one costs a connect.
enum class Freshness : std::uint8_t { any, fresh };

}  // namespace weir::upstream
