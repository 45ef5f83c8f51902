#include "weir/proxy/destination.h"

#include <utility>

namespace weir::proxy {

void UpstreamRoutes::add(Destination to) {
  const policy::Upstream& upstream = *to.upstream;
  Entry& entry = entries_.emplace_back();
  entry.route.name = upstream.name;
  entry.route.to = upstream.name;
  entry.compiled.route = &entry.route;
  entry.compiled.fails_over = upstream.failover.enabled;
  entry.compiled.to = std::move(to);
  by_name_.emplace(upstream.name, &entry.compiled);
  for (const Address& address : upstream.addresses) by_address_.emplace(address, &entry.compiled);
  for (const auto& endpoint : upstream.endpoints) {
    by_address_.emplace(endpoint.address, &entry.compiled);
  }
}

const CompiledRoute* UpstreamRoutes::at(const Address& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

const CompiledRoute* UpstreamRoutes::named(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

}  // namespace weir::proxy
