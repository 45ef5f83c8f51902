#include "weir/upstream/h2_pool.h"

#include <array>
#include <ranges>
#include <utility>

namespace weir::upstream {
namespace {

using Standing = H2Connection::Standing;

void destroy(H2Connection* connection) { delete connection; }

}  // namespace

H2Pool::H2Pool(PoolServices& services, std::string_view upstream)
    : services_(services), upstream_(upstream) {}

H2Pool::~H2Pool() {
  for (auto* list : {&connecting_, &roomy_, &full_, &leaving_}) list->clear_and_dispose(destroy);
}

Call* H2Pool::join(const policy::Upstream& policy, Freshness freshness, const Ends& ends,
                   Wakeable& watcher) {
  for (H2Connection& connection : roomy_) {
    const bool wanted = freshness == Freshness::any || connection.carried_nothing();
    if (wanted && connection.ends() == ends && connection.has_room())
      return &connection.join(watcher);
  }
  // One that takes longer than a caller would wait is not worth another's wait.
  const Duration patience =
      policy.connect_timeout + (policy.tls ? policy.tls->handshake_timeout : Duration{});
  const Instant oldest = services_.scheduler.now() - patience;
  for (H2Connection& connection : connecting_) {
    const bool soon = connection.ends() == ends && connection.began() > oldest;
    if (soon && connection.has_room()) return &connection.join(watcher);
  }
  return nullptr;
}

Call& H2Pool::connect(const net::Target& target, const policy::Upstream& policy,
                      Wakeable& watcher) {
  policy_ = policy.pool;
  auto* connection = new H2Connection{services_, *this, target, policy_};
  ++size_;
  connecting_.push_front(*connection);
  return connection->join(watcher);
}

H2Connection& H2Pool::adopt(std::unique_ptr<net::Transport> transport, const Ends& ends,
                            const policy::Pool& policy) {
  policy_ = policy;
  auto* connection = new H2Connection{services_, *this, std::move(transport), ends, policy_};
  ++size_;
  connecting_.push_front(*connection);
  connection->begin();
  return *connection;
}

List<H2Connection>& H2Pool::list_of(Standing standing) {
  switch (standing) {
    case Standing::connecting: return connecting_;
    case Standing::roomy: return roomy_;
    case Standing::full: return full_;
    case Standing::leaving:
    case Standing::closed: return leaving_;
  }
  std::unreachable();
}

void H2Pool::on_standing(H2Connection& connection) {
  connection.unlist();
  list_of(connection.standing()).push_front(connection);
}

void H2Pool::on_closed(H2Connection& connection) {
  --size_;
  connection.unlist();
  services_.h2_graveyard.bury(connection);
}

bool H2Pool::drop_idle() {
  for (H2Connection& connection : std::views::reverse(roomy_)) {
    if (connection.streams() > 0) continue;
    connection.retire(net::Closed::limit);
    return true;
  }
  return false;
}

bool H2Pool::may_rest(const H2Connection& connection) {
  std::size_t resting = 0;
  for (const H2Connection& other : roomy_) {
    if (&other != &connection && other.streams() == 0) ++resting;
  }
  return resting < policy_.idle;
}

void H2Pool::retire() {
  for (auto* list : {&connecting_, &roomy_, &full_}) {
    for (auto next = list->begin(); next != list->end();) (next++)->retire(net::Closed::drain);
  }
}

}  // namespace weir::upstream
