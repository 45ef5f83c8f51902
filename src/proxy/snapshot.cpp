#include "weir/proxy/snapshot.h"

#include <algorithm>
#include <utility>

#include "weir/base/hash.h"
#include "weir/proxy/authorization.h"

namespace weir::proxy {

namespace {

constexpr std::string_view spiffe = "spiffe://";

bool belongs_to(std::string_view identity, std::string_view trust_domain) {
  if (!identity.starts_with(spiffe)) return false;
  identity.remove_prefix(spiffe.size());
  return identity.size() > trust_domain.size() && identity.starts_with(trust_domain) &&
         identity[trust_domain.size()] == '/';
}

void compile_identity(CompiledListener& listener, const policy::Inbound& inbound) {
  listener.inbound = &inbound;
  const bool secured = inbound.tls.mode != policy::ListenerTls::Mode::off;
  listener.authorizes = secured || guards(inbound.authorization);
  if (!secured || inbound.tls.trust_domain.empty()) return;
  listener.towards_strangers = inbound;
  listener.towards_strangers->trusted = false;
}

}  // namespace

const policy::Listener& CompiledListener::towards(const net::TlsPeer* caller) const {
  if (!towards_strangers) return *policy;
  const bool known = caller != nullptr && belongs_to(caller->identity, inbound->tls.trust_domain);
  return known ? *policy : *towards_strangers;
}

bool CompiledListener::still_takes(const net::TlsServer* context) const {
  if (context == nullptr) {
    return inbound == nullptr || inbound->tls.mode != policy::ListenerTls::Mode::strict;
  }
  return tls != nullptr && tls->trust() == context->trust();
}

const CompiledListener* Snapshot::listener(telemetry::Direction direction) const {
  const auto& chosen = direction == telemetry::Direction::inbound ? inbound : outbound;
  return chosen ? &*chosen : nullptr;
}

Destination Clusters::destination(const policy::Upstream& upstream, const std::string& zone,
                                  Instant now) {
  auto& cluster = clusters_[upstream.name];
  if (!cluster) {
    cluster = cluster::Cluster::make(upstream, zone, stable_hash(upstream.name, seed_), now);
  }
  const auto tls = contexts_.upstreams.find(upstream.name);
  return {&upstream, cluster, tls == contexts_.upstreams.end() ? nullptr : tls->second};
}

CompiledListener Clusters::compile_listener(const Snapshot& snapshot,
                                            telemetry::Direction direction, Instant now) {
  const policy::Service& service = snapshot.service;
  const bool inbound = direction == telemetry::Direction::inbound;
  const auto& routes = inbound ? snapshot.inbound_routes : service.routes;
  CompiledListener listener{
      direction,
      inbound ? static_cast<const policy::Listener*>(&*service.inbound) : &*service.outbound,
      inbound ? Duration{} : service.outbound->margin,
      route::Table{routes},
      {},
      {},
      nullptr,
      false,
      {}};
  if (inbound) {
    listener.tls = contexts_.inbound;
    compile_identity(listener, *service.inbound);
  }
  const auto find = [&](const std::string& name) {
    if (inbound) {
      auto to = destination(service.inbound->upstream, service.identity.zone, now);
      if (service.inbound->intercept.mode != policy::Interception::Mode::off) {
        to.sources.emplace();
      }
      return to;
    }
    return destination(*std::ranges::find(service.upstreams, name, &policy::Upstream::name),
                       service.identity.zone, now);
  };
  for (const policy::Route& route : routes) {
    CompiledRoute compiled{&route, find(route.to), {}, false};
    compiled.fails_over = route.failover.value_or(compiled.to.upstream->failover.enabled);
    if (route.fallback && route.fallback->kind == policy::Fallback::Kind::upstream) {
      compiled.fallback = find(route.fallback->upstream);
    }
    listener.routes.push_back(std::move(compiled));
  }
  return listener;
}

std::shared_ptr<const Snapshot> Clusters::compile(policy::Service service, Instant now,
                                                  TlsContexts contexts) {
  const std::scoped_lock lock{mutex_};
  contexts_ = std::move(contexts);
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->generation = ++generation_;
  snapshot->service = std::move(service);
  const policy::Service& kept = snapshot->service;

  // What has been learned of an upstream survives; what is asked of it changes.
  std::erase_if(clusters_, [&](const auto& entry) {
    const bool named = std::ranges::find(kept.upstreams, entry.first, &policy::Upstream::name) !=
                       kept.upstreams.end();
    return !named && !(kept.inbound && kept.inbound->upstream.name == entry.first);
  });
  for (const policy::Upstream& upstream : kept.upstreams) {
    if (const auto found = clusters_.find(upstream.name); found != clusters_.end()) {
      found->second->apply(upstream, now);
    }
  }
  for (const policy::Upstream& upstream : kept.upstreams) {
    snapshot->upstreams.add(destination(upstream, kept.identity.zone, now));
  }
  if (kept.inbound) {
    policy::Route route;
    route.name = kept.inbound->upstream.name;
    route.to = kept.inbound->upstream.name;
    route.idle = kept.inbound->idle;
    snapshot->inbound_routes.push_back(std::move(route));
    if (const auto found = clusters_.find(kept.inbound->upstream.name); found != clusters_.end()) {
      found->second->apply(kept.inbound->upstream, now);
    }
    snapshot->inbound = compile_listener(*snapshot, telemetry::Direction::inbound, now);
  }
  if (kept.outbound) {
    snapshot->outbound = compile_listener(*snapshot, telemetry::Direction::outbound, now);
  }
  return snapshot;
}

std::vector<cluster::ClusterStatus> Clusters::status(Instant now) const {
  const std::scoped_lock lock{mutex_};
  std::vector<cluster::ClusterStatus> all;
  for (const auto& [name, cluster] : clusters_) all.push_back(cluster->status(now));
  std::ranges::sort(all, {}, &cluster::ClusterStatus::name);
  return all;
}

}  // namespace weir::proxy
