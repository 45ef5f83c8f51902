#include "weir/proxy/worker.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <unordered_set>
#include <utility>

namespace weir::proxy {
namespace {

template <class Member>
void destroy(Member* member) {
  delete member;
}

// Only what is neither intercepted nor secured can be served without a look at it.
bool needs_a_look(const CompiledListener& listener) {
  return listener.tls != nullptr ||
         listener.policy->intercept.mode != policy::Interception::Mode::off;
}

std::vector<Address> listeners_of(const policy::Service& service) {
  std::vector<Address> all;
  const auto add = [&all](const policy::Listener& listener) {
    all.push_back(listener.listen);
    if (const auto twin = policy::twin_of(listener.listen)) all.push_back(*twin);
  };
  if (service.inbound) add(*service.inbound);
  if (service.outbound) {
    add(*service.outbound);
    for (const policy::TcpListener& tcp : service.outbound->tcp) all.push_back(tcp.listen);
  }
  return all;
}

void drain_all(List<downstream::Connection>& connections) {
  for (auto next = connections.begin(); next != connections.end();) (next++)->drain();
}

// Until the caller's certificate expires; a connection may well live longer.
std::optional<Instant> end_of_proof(const net::TlsPeer* caller, Instant now) {
  constexpr std::chrono::seconds longest = std::chrono::days{30};
  if (caller == nullptr || !caller->verified) return std::nullopt;
  const std::chrono::seconds left{caller->not_after - std::time(nullptr)};
  return now + std::clamp(left + std::chrono::seconds{1}, std::chrono::seconds{0}, longest);
}

// A little less than the process has, so that what is cut off is still recorded.
Duration tunnel_drain(const Snapshot* snapshot) {
  const Duration whole = snapshot == nullptr ? Duration{} : snapshot->service.process.drain;
  return whole - std::min<Duration>(whole / 10, std::chrono::seconds{1});
}

}  // namespace

Worker::Worker(Scheduler& scheduler, Mailbox& mailbox, net::Connector& connector,
               telemetry::Recorder& recorder, ProcessCounts& counts, std::uint64_t seed)
    : scheduler_(scheduler),
      recorder_(recorder),
      counts_(counts),
      random_(seed),
      pools_(scheduler, connector, random_, recorder),
      pass_through_(pools_, {.seed = seed}),
      inbound_pass_through_(pools_, {.seed = seed, .sources = LocalSources{}}),
      services_{scheduler,     mailbox,       pools_,
                random_,       recorder,      counts.correlation.join(mailbox, scheduler.ready()),
                held_permits_, pass_through_, *this},
      entrance_(scheduler, recorder, *this),
      dead_connections_(scheduler.ready()),
      dead_exchanges_(scheduler.ready()),
      dead_tunnels_(scheduler.ready()) {}

Worker::~Worker() {
  exchanges_.clear_and_dispose(destroy<Exchange>);
  tunnels_.clear_and_dispose(destroy<Tunnel>);
  for (Door* door : {&inbound_, &outbound_}) {
    door->connections.clear_and_dispose(destroy<downstream::Connection>);
  }
}

// Who was let in by a bundle or a mode that holds no longer asks his last requests now.
void Worker::end_what_is_not_believed(const Snapshot& before) {
  const CompiledListener* was = before.listener(telemetry::Direction::inbound);
  const CompiledListener* is = snapshot_->listener(telemetry::Direction::inbound);
  if (was == nullptr || is == nullptr) return;
  const bool plain_goes = was->still_takes(nullptr) && !is->still_takes(nullptr);
  const bool secured_goes = was->tls != nullptr && !is->still_takes(was->tls.get());
  if (!plain_goes && !secured_goes) return;
  drain_all(inbound_.connections);
  for (Tunnel& tunnel : tunnels_) {
    const bool inbound = tunnel.direction() == telemetry::Direction::inbound;
    if (inbound && tunnel.upstream() == is->inbound->upstream.name) {
      tunnel.drain(scheduler_.now() + downstream::drain_grace);
    }
  }
}

void Worker::apply(std::shared_ptr<const Snapshot> snapshot) {
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  if (before) end_what_is_not_believed(*before);
  std::unordered_set<std::uint64_t> endpoints;
  const auto keep = [&endpoints](const Destination& destination) {
    for (const std::uint64_t id : destination.cluster->endpoint_ids()) endpoints.insert(id);
  };
  for (const auto direction : {telemetry::Direction::inbound, telemetry::Direction::outbound}) {
    const CompiledListener* listener = snapshot_->listener(direction);
    if (listener == nullptr) continue;
    for (const CompiledRoute& route : listener->routes) {
      keep(route.to);
      if (route.fallback) keep(*route.fallback);
    }
  }
  snapshot_->upstreams.for_each(keep);
  pass_through_.keep(endpoints);
  inbound_pass_through_.keep(endpoints);
  if (health_) health_->apply(snapshot_);
  pools_.retain(endpoints);
  own_listeners_ = listeners_of(snapshot_->service);
}

void Worker::check_health() {
  health_.emplace(scheduler_, pools_, random_);
  if (snapshot_) health_->apply(snapshot_);
}

void Worker::accept(const Doorway& doorway, net::Arrival arrival) {
  const CompiledListener* listener = let_in(doorway.direction);
  if (listener != nullptr && !doorway.tcp && needs_a_look(*listener)) {
    return entrance_.enter(doorway.direction, std::move(arrival), snapshot_, own_listeners_);
  }
  auto transport = std::move(arrival).plain();
  if (listener == nullptr) {
    if (transport) transport->reset_on_close();
  } else if (!transport) {
    on_turned_away(doorway.direction, net::Closed::overload);
  } else {
    take_in(doorway, std::move(transport));
  }
}

void Worker::accept(const Doorway& doorway, std::unique_ptr<net::Transport> transport) {
  if (let_in(doorway.direction) != nullptr) return take_in(doorway, std::move(transport));
  transport->reset_on_close();
}

void Worker::accept_tunnel(Admitted caller) {
  if (let_in(caller.direction) != nullptr) return on_tunnelled(std::move(caller));
  caller.transport->reset_on_close();
}

const CompiledListener* Worker::let_in(telemetry::Direction direction) {
  const CompiledListener* listener = snapshot_ ? snapshot_->listener(direction) : nullptr;
  auto& count = counts_.connections(direction);
  recorder_.downstream_opened(direction);
  if (listener == nullptr || drained_ || count.load() >= listener->policy->limits.connections) {
    recorder_.downstream_closed(direction, net::Closed::overload);
    return nullptr;
  }
  ++count;
  ++connection_count_;
  return listener;
}

void Worker::take_in(const Doorway& doorway, std::unique_ptr<net::Transport> transport) {
  Admitted caller{.direction = doorway.direction, .transport = std::move(transport)};
  if (!doorway.tcp) return on_served(std::move(caller));
  begin_tunnel(std::move(caller), tcp_plan(*doorway.tcp));
}

void Worker::on_served(Admitted caller) {
  // A listener that a reload took away meanwhile serves nobody.
  const CompiledListener* listener = snapshot_->listener(caller.direction);
  if (listener == nullptr) return on_turned_away(caller.direction, net::Closed::drain);
  const downstream::ConnectionServices services{scheduler_, random_};
  const auto until = end_of_proof(caller.transport->tls(), scheduler_.now());
  Door& door = caller.direction == telemetry::Direction::inbound ? inbound_ : outbound_;
  auto* connection = new downstream::Connection{
      downstream::Incoming{std::move(caller.transport), caller.destination, until}, services,
      listener->policy->limits, door, door};
  door.connections.push_back(*connection);
  // The handshake may have begun before a reload that took away what it was judged by.
  if (drained_ || !listener->still_takes(caller.secured_by.get())) connection->drain();
}

void Worker::on_turned_away(telemetry::Direction direction, net::Closed reason) {
  count_out(direction, reason);
}

void Worker::count_out(telemetry::Direction direction, net::Closed reason) {
  --counts_.connections(direction);
  --connection_count_;
  recorder_.downstream_closed(direction, reason);
  announce_if_drained();
}

void Worker::Door::on_request(downstream::Stream& stream) {
  // A listener that a reload took away keeps serving its connections by the last policy it had.
  const auto& snapshot = worker_.snapshot_;
  const CompiledListener* listener = snapshot->listener(direction_);
  if (listener == nullptr) return stream.done(downstream::Ending::aborted);
  auto* exchange = new Exchange{worker_.services_, stream, snapshot, *listener};
  worker_.exchanges_.push_back(*exchange);
  ++worker_.exchange_count_;
  worker_.recorder_.exchange_started(direction_);
  exchange->start();
}

void Worker::Door::on_malformed(std::string_view reason) {
  worker_.recorder_.malformed_request(direction_, reason);
}

void Worker::Door::on_request_timeout() {
  worker_.recorder_.malformed_request(direction_, "request_timeout");
}

void Worker::Door::on_flood(codec::H2Flood flood) {
  worker_.recorder_.downstream_flood(direction_, codec::name_of(flood));
}

void Worker::Door::on_closed(downstream::Connection& connection, net::Closed reason) {
  connection.unlist();
  worker_.dead_connections_.bury(connection);
  worker_.count_out(direction_, reason);
}

void Worker::on_ended(Exchange& exchange) {
  exchange.unlist();
  recorder_.exchange_ended(exchange.direction());
  dead_exchanges_.bury(exchange);
  --exchange_count_;
  announce_if_drained();
}

void Worker::drain(std::function<void()> drained) {
  drained_ = std::move(drained);
  drain_until_ = scheduler_.now() + tunnel_drain(snapshot_.get());
  entrance_.drain();
  for (Door* door : {&inbound_, &outbound_}) drain_all(door->connections);
  for (Tunnel& tunnel : tunnels_) tunnel.drain(*drain_until_);
  health_.reset();
  pools_.close_idle();
  announce_if_drained();
}

void Worker::announce_if_drained() {
  if (!drained_ || exchange_count_ > 0 || connection_count_ > 0) return;
  // Posted, because this may be the last word of a connection that is being closed.
  services_.mailbox.post(std::exchange(drained_, [] {}));
}

std::vector<ExchangeStatus> Worker::status(std::size_t limit) const {
  std::vector<ExchangeStatus> all;
  const Instant now = scheduler_.now();
  for (const Exchange& exchange : exchanges_) {
    if (all.size() == limit) break;
    const http::RequestHead& head = exchange.request();
    all.push_back({exchange.direction(), head.method_text, head.authority, std::string{head.path()},
                   std::string{exchange.route()}, now - exchange.began(), exchange.budget_left(now),
                   exchange.attempts()});
  }
  for (const Tunnel& tunnel : tunnels_) {
    if (all.size() == limit) break;
    all.push_back({tunnel.direction(),
                   "tcp",
                   {},
                   tunnel.destination() ? tunnel.destination()->text() : std::string{},
                   std::string{tunnel.upstream()},
                   now - tunnel.began(),
                   {},
                   tunnel.attempts()});
  }
  return all;
}

}  // namespace weir::proxy
