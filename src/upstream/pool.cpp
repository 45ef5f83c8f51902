#include "weir/upstream/pool.h"

#include <utility>

#include "weir/upstream/connect_failure.h"

namespace weir::upstream {

Pool::Pool(PoolServices& services, const Approach& approach)
    : services_(services),
      upstream_(approach.policy.name),
      tls_(approach.tls),
      generation_(approach.generation),
      h1_(services, upstream_),
      h2_(services, upstream_),
      negotiation_(services.connector, *this) {}

void Pool::retire() {
  h1_.retire();
  h2_.retire();
}

void Pool::follow(const Approach& approach) {
  generation_ = approach.generation;
  if (tls_ == approach.tls) return;
  tls_ = approach.tls;
  ++epoch_;
  remembered_.reset();
  retire();
}

bool Pool::make_room(const policy::Pool& policy) {
  return size() < policy.connections || h1_.drop_idle() || h2_.drop_idle();
}

net::Target Pool::target(const Ends& ends, Wire wire) const {
  net::Target target{ends.to};
  target.source = ends.from;
  if (!tls_) return target;
  target.tls = tls_;
  target.alpn = alpn_of(wire);
  return target;
}

std::optional<Wire> Pool::spoken() const {
  if (!tls_) return Wire::http_1_1;
  if (h2_.proven()) return Wire::http_2;
  return remembered_;
}

void Pool::negotiate(Negotiation::Waiter& waiter, const net::Target& target,
                     const policy::Pool& policy) {
  if (!negotiation_.going_on()) {
    h1_.reserve();
    negotiated_in_ = epoch_;
    negotiated_for_ = {target.address, target.source};
    policy_ = policy;
  }
  negotiation_.join(waiter, target);
}

void Pool::stop_waiting(Negotiation::Waiter& waiter) {
  if (negotiation_.leave(waiter)) h1_.unreserve();
}

// A connection that was begun with credentials of the past is dropped; the waiters begin another.
void Pool::on_connection(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  count_handshake(services_.recorder, transport.get(), error);
  if (!transport || negotiated_in_ != epoch_) return h1_.unreserve();
  if (agreed_on_h2(*transport)) {
    h1_.unreserve();
    h2_.adopt(std::move(transport), negotiated_for_, policy_);
  } else {
    remember_h1();
    h1_.keep(std::move(transport), negotiated_for_, policy_);
  }
}

Pools::Pools(Scheduler& scheduler, net::Connector& connector, Random& random,
             telemetry::Recorder& recorder)
    : h1_graveyard_(scheduler.ready()),
      h2_graveyard_(scheduler.ready()),
      services_{scheduler, connector, random, recorder, h1_graveyard_, h2_graveyard_} {}

Pool& Pools::of(const cluster::Endpoint& endpoint, const Approach& approach) {
  auto& pool = pools_[endpoint.id];
  if (!pool) pool = std::make_unique<Pool>(services_, approach);
  if (pool->generation() < approach.generation) pool->follow(approach);
  return *pool;
}

void Pools::retain(const std::unordered_set<std::uint64_t>& ids) {
  std::erase_if(pools_, [&](auto& entry) {
    if (ids.contains(entry.first)) return false;
    entry.second->retire();
    return entry.second->size() == 0;
  });
}

void Pools::forget(std::uint64_t endpoint_id) {
  const auto found = pools_.find(endpoint_id);
  if (found == pools_.end()) return;
  found->second->retire();
  if (found->second->size() == 0) pools_.erase(found);
}

std::size_t Pools::connections() const {
  std::size_t total = 0;
  for (const auto& [id, pool] : pools_) total += pool->size();
  return total;
}

}  // namespace weir::upstream
