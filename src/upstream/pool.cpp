#include "weir/upstream/pool.h"

namespace weir::upstream {

Pools::Pools(Scheduler& scheduler, net::Connector& connector, Random& random,
             telemetry::Recorder& recorder)
    : h1_graveyard_(scheduler.ready()),
      h2_graveyard_(scheduler.ready()),
      services_{scheduler, connector, random, recorder, h1_graveyard_, h2_graveyard_} {}

Pool& Pools::of(const cluster::Endpoint& endpoint, const policy::Upstream& upstream) {
  auto& pool = pools_[endpoint.id];
  if (!pool) pool = std::make_unique<Pool>(services_, upstream.name);
  return *pool;
}

void Pools::retain(const std::unordered_set<std::uint64_t>& ids) {
  std::erase_if(pools_, [&](auto& entry) {
    if (ids.contains(entry.first)) return false;
    entry.second->retire();
    return entry.second->size() == 0;
  });
}

std::size_t Pools::connections() const {
  std::size_t total = 0;
  for (const auto& [id, pool] : pools_) total += pool->size();
  return total;
}

}  // namespace weir::upstream
