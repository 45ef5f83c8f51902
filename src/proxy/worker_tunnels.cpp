// What a worker does with connections that are not HTTP.

#include <algorithm>
#include <utility>

#include "weir/proxy/worker.h"

namespace weir::proxy {

namespace {

constexpr auto too_many_unnamed = resilience::Failure::connection_limit;

}  // namespace

using Unmatched = policy::Interception::Unmatched;

void Worker::on_tunnelled(Admitted caller) {
  if (snapshot_->listener(caller.direction) == nullptr) {
    return on_turned_away(caller.direction, net::Closed::drain);
  }
  TunnelPlan plan = caller.direction == telemetry::Direction::inbound ? inbound_plan(caller)
                                                                      : outbound_plan(caller);
  if (!plan.route) {
    const bool overload = plan.nowhere == too_many_unnamed;
    recorder_.connection_refused(caller.direction, overload ? "overload" : "unmatched");
  }
  begin_tunnel(std::move(caller), std::move(plan));
}

void Worker::begin_tunnel(Admitted caller, TunnelPlan plan) {
  auto* tunnel = new Tunnel{services_, relay_space_, *this, std::move(caller), std::move(plan)};
  tunnels_.push_back(*tunnel);
  ++tunnel_count_;
  if (drain_until_) tunnel->drain(*drain_until_);
  tunnel->start();
}

// To the application, or to whatever else listens here.
TunnelPlan Worker::inbound_plan(const Admitted& caller) {
  const policy::Inbound& inbound = *snapshot_->service.inbound;
  TunnelPlan plan{.route = {}, .limits = inbound.tunnel, .generation = snapshot_->generation};
  const Approach approach{.peer = caller.transport->peer(),
                          .local = caller.transport->local(),
                          .destination = caller.destination};
  plan.ends = callers_ends(inbound.intercept, approach);
  if (!caller.destination || caller.destination->port() == inbound.application.port()) {
    plan.route = {snapshot_, &snapshot_->inbound->routes.front()};
  } else if (inbound.intercept.unmatched == Unmatched::pass_through) {
    plan.route = inbound_pass_through_.to(*caller.destination, scheduler_.now());
    plan.nowhere = too_many_unnamed;
  }
  return plan;
}

TunnelPlan Worker::outbound_plan(const Admitted& caller) {
  const policy::Listener& listener = *snapshot_->outbound->policy;
  TunnelPlan plan{.route = {}, .limits = listener.tunnel, .generation = snapshot_->generation};
  const CompiledRoute* known =
      caller.destination ? snapshot_->upstreams.at(*caller.destination) : nullptr;
  if (known == nullptr) known = snapshot_->upstreams.named(caller.server_name);
  if (known != nullptr) {
    plan.route = {snapshot_, known};
    plan.limits = known->to.upstream->tunnel;
  } else if (caller.destination && listener.intercept.unmatched == Unmatched::pass_through) {
    plan.route = pass_through_.to(*caller.destination, scheduler_.now());
    plan.nowhere = too_many_unnamed;
  }
  return plan;
}

// A listener that a reload took away, whose queue still held somebody, leads nowhere.
TunnelPlan Worker::tcp_plan(const Address& listen) const {
  const auto& all = snapshot_->service.outbound->tcp;
  const auto found = std::ranges::find(all, listen, &policy::TcpListener::listen);
  const CompiledRoute* route = found == all.end() ? nullptr : snapshot_->upstreams.named(found->to);
  if (route == nullptr) return {};
  return {.route = {snapshot_, route},
          .limits = route->to.upstream->tunnel,
          .generation = snapshot_->generation};
}

void Worker::on_ended(Tunnel& tunnel, net::Closed reason) {
  tunnel.unlist();
  dead_tunnels_.bury(tunnel);
  --tunnel_count_;
  count_out(tunnel.direction(), reason);
}

}  // namespace weir::proxy
