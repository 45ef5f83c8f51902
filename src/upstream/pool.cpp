#include "weir/upstream/pool.h"

namespace weir::upstream {
namespace {

// Sidecars that were started together must not close and reopen together.
constexpr Ratio idle_jitter = percent(10);

void destroy(H1Connection* connection) { delete connection; }

}  // namespace

Pool::Pool(PoolServices& services, std::string upstream)
    : services_(services), upstream_(std::move(upstream)) {}

Pool::~Pool() {
  busy_.clear_and_dispose(destroy);
  idle_.clear_and_dispose(destroy);
}

H1Connection* Pool::take_idle() {
  if (idle_.empty()) return nullptr;
  H1Connection& connection = idle_.back();
  idle_.pop_back();
  --idle_count_;
  busy_.push_back(connection);
  return &connection;
}

H1Connection& Pool::adopt(std::unique_ptr<net::Transport> transport, const policy::Pool& policy) {
  policy_ = policy;
  auto* connection = new H1Connection{std::move(transport), services_.scheduler, *this};
  services_.recorder.upstream_opened(upstream_);
  busy_.push_back(*connection);
  return *connection;
}

void Pool::on_idle(H1Connection& connection) {
  if (idle_count_ >= policy_.idle || connection.requests() >= policy_.requests) {
    connection.retire(net::Closed::limit);
    return;
  }
  busy_.erase(busy_.iterator_to(connection));
  idle_.push_back(connection);
  ++idle_count_;
  connection.rest_for(services_.random.jittered(policy_.idle_timeout, idle_jitter));
}

void Pool::on_closed(H1Connection& connection, net::Closed reason) {
  services_.recorder.upstream_closed(upstream_, reason);
  if (connection.resting()) --idle_count_;
  --size_;
  connection.unlist();
  services_.graveyard.bury(connection);
}

void Pool::retire() {
  for (auto& connection : busy_) connection.retire(net::Closed::drain);
  while (!idle_.empty()) idle_.front().retire(net::Closed::drain);
}

Pools::Pools(Scheduler& scheduler, net::Connector& connector, Random& random,
             telemetry::Recorder& recorder)
    : services_{scheduler, random, recorder}, connector_(connector) {}

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

void Pools::close_idle() { retain({}); }

std::size_t Pools::connections() const {
  std::size_t total = 0;
  for (const auto& [id, pool] : pools_) total += pool->size();
  return total;
}

}  // namespace weir::upstream
