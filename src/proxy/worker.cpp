#include "weir/proxy/worker.h"

#include <unordered_set>
#include <utility>

namespace weir::proxy {
namespace {

template <class Member>
void destroy(Member* member) {
  delete member;
}

}  // namespace

Worker::Worker(Scheduler& scheduler, Mailbox& mailbox, net::Connector& connector,
               telemetry::Recorder& recorder, ProcessCounts& counts, std::uint64_t seed)
    : scheduler_(scheduler),
      recorder_(recorder),
      counts_(counts),
      random_(seed),
      pools_(scheduler, connector, random_, recorder),
      services_{scheduler,     mailbox,  pools_,
                random_,       recorder, counts.correlation.join(mailbox, scheduler.ready()),
                held_permits_, *this},
      dead_connections_(scheduler.ready()),
      dead_exchanges_(scheduler.ready()) {}

Worker::~Worker() {
  exchanges_.clear_and_dispose(destroy<Exchange>);
  connections_.clear_and_dispose(destroy<downstream::Connection>);
}

void Worker::apply(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
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
  if (health_) health_->apply(snapshot_);
  pools_.retain(endpoints);
}

void Worker::check_health() {
  health_.emplace(scheduler_, pools_, random_);
  if (snapshot_) health_->apply(snapshot_);
}

void Worker::accept(telemetry::Direction direction, std::unique_ptr<net::Transport> transport) {
  const CompiledListener* listener = snapshot_ ? snapshot_->listener(direction) : nullptr;
  auto& count = counts_.connections(direction);
  if (listener == nullptr || drained_ || count.load() >= listener->policy->limits.connections) {
    transport->reset_on_close();
    recorder_.downstream_opened(direction);
    recorder_.downstream_closed(direction, net::Closed::overload);
    return;
  }
  ++count;
  ++connection_count_;
  recorder_.downstream_opened(direction);
  Door& door = direction == telemetry::Direction::inbound ? inbound_ : outbound_;
  const downstream::ConnectionServices services{scheduler_, random_};
  connections_.push_back(*new downstream::Connection{std::move(transport), services,
                                                     listener->policy->limits, door, door});
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
  --worker_.counts_.connections(direction_);
  --worker_.connection_count_;
  worker_.recorder_.downstream_closed(direction_, reason);
  worker_.announce_if_drained();
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
  for (auto next = connections_.begin(); next != connections_.end();) (next++)->drain();
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
  return all;
}

}  // namespace weir::proxy
