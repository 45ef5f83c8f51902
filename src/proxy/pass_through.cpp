#include "weir/proxy/pass_through.h"

#include <algorithm>
#include <ranges>
#include <string>

namespace weir::proxy {

struct PassThrough::Entry {
  Address address;
  policy::Upstream upstream;
  policy::Route route;
  CompiledRoute compiled;
};

namespace {

policy::Upstream upstream_of(const Address& address) {
  policy::Upstream upstream;
  upstream.name = PassThrough::name;
  upstream.endpoints.push_back({.address = address, .version = {}, .zone = {}, .labels = {}});
  // Nobody has said how far away it is.
  upstream.connect_timeout = upstream.tunnel.connect_budget;
  upstream.failover.enabled = false;
  upstream.breaker.enabled = false;
  upstream.ejection.enabled = false;
  return upstream;
}

}  // namespace

std::shared_ptr<const CompiledRoute> PassThrough::to(const Address& address, Instant now) {
  if (const auto found = known_.find(address); found != known_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (known_.size() >= traits_.most && !make_room()) return nullptr;
    auto entry = std::make_shared<Entry>();
    entry->address = address;
    entry->upstream = upstream_of(address);
    entry->route.name = name;
    entry->route.to = name;
    entry->compiled.route = &entry->route;
    entry->compiled.to.upstream = &entry->upstream;
    entry->compiled.to.cluster = cluster::Cluster::make(entry->upstream, {}, traits_.seed, now);
    entry->compiled.to.sources = traits_.sources;
    order_.push_front(std::move(entry));
    known_.emplace(address, order_.begin());
  }
  const std::shared_ptr<Entry>& entry = order_.front();
  return {entry, &entry->compiled};
}

bool PassThrough::make_room() {
  const auto unused = std::ranges::find_if(
      std::views::reverse(order_), [](const auto& entry) { return entry.use_count() == 1; });
  if (unused == std::views::reverse(order_).end()) return false;
  for (const std::uint64_t id : (*unused)->compiled.to.cluster->endpoint_ids()) pools_.forget(id);
  known_.erase((*unused)->address);
  order_.erase(std::prev(unused.base()));
  return true;
}

void PassThrough::keep(std::unordered_set<std::uint64_t>& endpoint_ids) const {
  for (const auto& entry : order_) {
    for (const std::uint64_t id : entry->compiled.to.cluster->endpoint_ids()) {
      endpoint_ids.insert(id);
    }
  }
}

}  // namespace weir::proxy
