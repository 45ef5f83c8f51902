#include "weir/upstream/h1_pool.h"

#include <algorithm>
#include <ranges>

namespace weir::upstream {
namespace {

void destroy(H1Connection* connection) { delete connection; }

}  // namespace

H1Pool::H1Pool(PoolServices& services, std::string_view upstream)
    : services_(services), upstream_(upstream) {}

H1Pool::~H1Pool() {
  busy_.clear_and_dispose(destroy);
  idle_.clear_and_dispose(destroy);
}

// Policy limits how many are idle, and all have the same ends unless those are the callers'.
Call* H1Pool::take_idle(Freshness freshness, const Ends& ends, Wakeable& watcher) {
  const auto latest_first = std::views::reverse(idle_);
  const auto found = std::ranges::find(latest_first, ends, &H1Connection::ends);
  if (found == latest_first.end()) return nullptr;
  H1Connection& connection = *found;
  if (freshness == Freshness::fresh && connection.requests() > 0) return nullptr;
  connection.unlist();
  --idle_count_;
  busy_.push_back(connection);
  connection.bind(watcher);
  return &connection;
}

H1Connection& H1Pool::make(std::unique_ptr<net::Transport> transport, const Ends& ends,
                           const policy::Pool& policy) {
  policy_ = policy;
  services_.recorder.upstream_opened(upstream_);
  return *new H1Connection{std::move(transport), ends, services_.scheduler, *this};
}

H1Connection& H1Pool::adopt(std::unique_ptr<net::Transport> transport, const Ends& ends,
                            const policy::Pool& policy, Wakeable& watcher) {
  H1Connection& connection = make(std::move(transport), ends, policy);
  busy_.push_back(connection);
  connection.bind(watcher);
  return connection;
}

void H1Pool::keep(std::unique_ptr<net::Transport> transport, const Ends& ends,
                  const policy::Pool& policy) {
  rest(make(std::move(transport), ends, policy));
}

void H1Pool::rest(H1Connection& connection) {
  idle_.push_back(connection);
  ++idle_count_;
  connection.rest_for(services_.random.jittered(policy_.idle_timeout, idle_jitter));
}

void H1Pool::on_idle(H1Connection& connection) {
  if (connection.requests() >= policy_.requests) return connection.retire(net::Closed::limit);
  connection.unlist();
  rest(connection);
  if (idle_count_ > policy_.idle) drop_idle();
}

bool H1Pool::drop_idle() {
  if (idle_.empty()) return false;
  idle_.front().retire(net::Closed::limit);
  return true;
}

void H1Pool::on_closed(H1Connection& connection, net::Closed reason) {
  services_.recorder.upstream_closed(upstream_, reason);
  if (connection.resting()) --idle_count_;
  --size_;
  connection.unlist();
  services_.h1_graveyard.bury(connection);
}

void H1Pool::retire() {
  for (auto& connection : busy_) connection.retire(net::Closed::drain);
  while (!idle_.empty()) idle_.front().retire(net::Closed::drain);
}

}  // namespace weir::upstream
