// Listeners and upstreams.
#include <fmt/format.h>

#include <unordered_map>

#include "lint.h"
#include "scalar.h"

namespace weir::config {
namespace {

bool unspecified(const Address& address) {
  return address.host() == "0.0.0.0" || address.host() == "::";
}

// Binding both fails, or one of them never sees a connection.
bool collide(const Address& left, const Address& right) {
  if (left.port() != right.port() || left.port() == 0) return false;
  return left.host() == right.host() || unspecified(left) || unspecified(right);
}

// A connection to `target` arrives at a listener on `listen` of the same host.
bool reaches(const Address& target, const Address& listen) {
  if (target.port() != listen.port()) return false;
  return target.host() == listen.host() || (unspecified(listen) && target.loopback());
}

struct Listening {
  std::string_view section;
  Address address;
};

std::vector<Listening> listening(const policy::Service& service) {
  std::vector<Listening> all;
  if (service.inbound) all.push_back({"inbound", service.inbound->listen});
  if (service.outbound) all.push_back({"outbound", service.outbound->listen});
  if (service.admin.listen) all.push_back({"admin", *service.admin.listen});
  return all;
}

void lint_addresses(const policy::Service& service, Findings& findings) {
  const auto all = listening(service);
  for (std::size_t index = 1; index < all.size(); ++index) {
    for (std::size_t before = 0; before < index; ++before) {
      if (!collide(all[index].address, all[before].address)) continue;
      findings.error(
          {all[index].section, "listen"}, {all[before].section, "listen"},
          {fmt::format("{}.listen ({}) and {}.listen ({}) are one address", all[index].section,
                       all[index].address.text(), all[before].section, all[before].address.text()),
           ""});
    }
  }
  for (const auto& listener : all) {
    if (!service.inbound || !reaches(service.inbound->application, listener.address)) continue;
    findings.error({"inbound", "application"}, {listener.section, "listen"},
                   {fmt::format("inbound.application ({}) is weir's own {}.listen: a loop",
                                service.inbound->application.text(), listener.section),
                    ""});
  }
}

void lint_listener(std::string_view name, const policy::Listener& listener, Findings& findings) {
  const auto& budget = listener.budget;
  if (budget.fallback > budget.maximum) {
    findings.error({name, "budget", "default"}, {name, "budget"},
                   {fmt::format("{0}.budget.default ({1}) is longer than {0}.budget.maximum ({2})",
                                name, text_of(budget.fallback), text_of(budget.maximum)),
                    ""});
  }
  if (listener.limits.target > listener.limits.header) {
    findings.error({name, "limits", "target"}, {name, "limits"},
                   {fmt::format("{0}.limits.target is larger than {0}.limits.header", name), ""});
  }
  if (!listener.trusted && listener.forwarded == policy::Forwarding::append) {
    findings.warn(
        {name, "trusted"},
        {fmt::format("{0} does not trust its callers, yet they can forge X-Forwarded-For: "
                     "set {0}.forwarded to replace",
                     name),
         ""});
  }
}

void lint_application_pool(const policy::Inbound& inbound, Findings& findings) {
  const bool written = findings.find({"inbound", "upstream", "pool", "streams"}) != nullptr;
  if (!written || inbound.upstream.protocol != policy::Protocol::http_1_1) return;
  findings.error({"inbound", "upstream", "pool", "streams"}, {"inbound", "protocol"},
                 {"inbound.upstream.pool.streams counts HTTP/2 streams, and inbound.protocol is "
                  "http/1.1",
                  ""});
}

void lint_inbound(const policy::Service& service, Findings& findings) {
  const policy::Inbound& inbound = *service.inbound;
  lint_listener("inbound", inbound, findings);
  lint_application_pool(inbound, findings);
  const bool written = findings.find({"inbound", "upstream", "connect_timeout"}) != nullptr;
  if (written && inbound.upstream.connect_timeout >= inbound.budget.fallback) {
    findings.error(
        {"inbound", "upstream", "connect_timeout"}, {"inbound", "budget"},
        {fmt::format("inbound.upstream.connect_timeout ({}) is not shorter than "
                     "inbound.budget.default ({})",
                     text_of(inbound.upstream.connect_timeout), text_of(inbound.budget.fallback)),
         ""});
  }
}

void lint_outbound(const policy::Service& service, Findings& findings) {
  const policy::Outbound& outbound = *service.outbound;
  lint_listener("outbound", outbound, findings);
  if (outbound.margin >= outbound.budget.fallback) {
    findings.error(
        {"outbound", "margin"}, {"outbound", "budget"},
        {fmt::format("outbound.margin ({}) leaves nothing of outbound.budget.default ({})",
                     text_of(outbound.margin), text_of(outbound.budget.fallback)),
         ""});
  }
  if (!outbound.trusted && outbound.by_name && !service.upstreams.empty()) {
    findings.warn(
        {"outbound", "trusted"},
        {"outbound does not trust its callers, yet they reach every upstream by its name: "
         "set outbound.by_name to false",
         ""});
  }
  const policy::Interception& intercept = outbound.intercept;
  const bool passes = intercept.mode != policy::Interception::Mode::off &&
                      intercept.unmatched == policy::Interception::Unmatched::pass_through;
  if (service.upstreams.empty() && !findings.written("upstreams") && !passes) {
    findings.warn({"outbound"}, {"outbound has no upstreams: nothing can be called", ""});
  }
}

// What comes out there would come in again, and again.
void lint_loops(const policy::Outbound& outbound, std::string_view upstream, std::size_t index,
                const Address& endpoint, Findings& findings) {
  const auto found = [&](Place place, std::string_view listener) {
    findings.error({"upstreams", upstream, "endpoints", index, "address"}, place,
                   {fmt::format("upstreams.{}.endpoints[{}] ({}) is weir's own {}: a loop",
                                upstream, index, endpoint.text(), listener),
                    ""});
  };
  if (reaches(endpoint, outbound.listen)) found({"outbound", "listen"}, "outbound.listen");
  for (std::size_t port = 0; port < outbound.tcp.size(); ++port) {
    if (!reaches(endpoint, outbound.tcp[port].listen)) continue;
    found({"outbound", "tcp", port, "listen"}, fmt::format("outbound.tcp[{}].listen", port));
  }
}

void lint_endpoints(const policy::Service& service, const policy::Upstream& upstream,
                    Findings& findings) {
  const std::string_view name = upstream.name;
  std::unordered_map<Address, std::size_t> seen;
  for (std::size_t index = 0; index < upstream.endpoints.size(); ++index) {
    const Address& address = upstream.endpoints[index].address;
    const auto [before, fresh] = seen.emplace(address, index);
    if (!fresh) {
      findings.error({"upstreams", name, "endpoints", index, "address"},
                     {"upstreams", name, "endpoints", before->second},
                     {fmt::format("upstreams.{}.endpoints[{}] and [{}] are one endpoint ({})", name,
                                  before->second, index, address.text()),
                      ""});
    }
    if (service.outbound) lint_loops(*service.outbound, name, index, address, findings);
  }
  if (upstream.endpoints.empty()) {
    findings.error({"upstreams", name, "endpoints"},
                   {fmt::format("upstreams.{}.endpoints is empty", name), ""});
  }
}

void lint_balance(const policy::Upstream& upstream, Findings& findings) {
  const std::string_view name = upstream.name;
  const bool hashes = upstream.balance.policy == policy::Balancing::consistent_hash;
  const bool keyed = upstream.balance.hash_on.kind != policy::StickyKey::Kind::none;
  if (hashes && !keyed) {
    findings.error({"upstreams", name, "balance", "policy"}, {"upstreams", name, "balance"},
                   {fmt::format("upstreams.{}.balance: consistent_hash needs hash_on", name), ""});
  }
  if (keyed && !hashes) {
    findings.error(
        {"upstreams", name, "balance", "hash_on"}, {"upstreams", name, "balance"},
        {fmt::format("upstreams.{}.balance: hash_on serves policy: consistent_hash only", name),
         ""});
  }
}

void lint_failover(const policy::Upstream& upstream, Findings& findings) {
  const std::string_view name = upstream.name;
  const policy::Failover& failover = upstream.failover;
  const Node* written = findings.find({"upstreams", name, "failover"});
  if (written == nullptr || !failover.enabled) return;
  if (upstream.endpoints.size() == 1) {
    findings.warn(
        {"upstreams", name, "failover"},
        {fmt::format("upstreams.{} has a single endpoint: there is nothing to fail over to", name),
         ""});
  }
  if (failover.on.empty() || (failover.ratio.value <= 0 && failover.minimum_per_second <= 0)) {
    findings.warn({"upstreams", name, "failover"},
                  {fmt::format("upstreams.{}.failover grants no second attempt at all: write "
                               "failover: off",
                               name),
                   ""});
  }
}

void lint_health(const policy::Upstream& upstream, Findings& findings) {
  if (!upstream.health) return;
  const std::string_view name = upstream.name;
  const policy::HealthCheck& health = *upstream.health;
  if (health.timeout >= health.interval) {
    findings.error({"upstreams", name, "health", "timeout"}, {"upstreams", name, "health"},
                   {fmt::format("upstreams.{}.health.timeout ({}) is not shorter than its interval "
                                "({})",
                                name, text_of(health.timeout), text_of(health.interval)),
                    ""});
  }
  const bool grpc = health.kind == policy::HealthCheck::Kind::grpc;
  if (grpc && upstream.protocol == policy::Protocol::http_1_1) {
    findings.error(
        {"upstreams", name, "health", "grpc"}, {"upstreams", name, "protocol"},
        {fmt::format("upstreams.{}.health.grpc needs HTTP/2, and protocol is http/1.1: write "
                     "protocol: http/2, or ask for a path",
                     name),
         ""});
  }
}

// What serves HTTP/2 only beside `protocol: http/1.1`.
void lint_protocol(const policy::Upstream& upstream, Findings& findings) {
  if (upstream.protocol != policy::Protocol::http_1_1) return;
  const std::string_view name = upstream.name;
  if (findings.find({"upstreams", name, "pool", "streams"}) != nullptr) {
    findings.error(
        {"upstreams", name, "pool", "streams"}, {"upstreams", name, "protocol"},
        {fmt::format("upstreams.{}.pool.streams counts HTTP/2 streams, and protocol is http/1.1",
                     name),
         ""});
  }
  if (!upstream.failover.idempotent_grpc.empty()) {
    findings.error({"upstreams", name, "failover", "idempotent_grpc"},
                   {"upstreams", name, "protocol"},
                   {fmt::format("upstreams.{}.failover.idempotent_grpc is of no use: gRPC needs "
                                "HTTP/2, and protocol is http/1.1",
                                name),
                    ""});
  }
}

}  // namespace

std::string text_of(Duration duration) { return codec_of(duration).print(&duration); }

void lint_listeners(const policy::Service& service, Findings& findings) {
  lint_addresses(service, findings);
  if (service.inbound) lint_inbound(service, findings);
  if (service.outbound) lint_outbound(service, findings);
  if (!service.inbound && !service.outbound) {
    findings.error({}, {"neither inbound nor outbound: the sidecar would do nothing", ""});
  }
  if (service.admin.listen && !service.admin.listen->loopback()) {
    findings.warn(
        {"admin", "listen"},
        {fmt::format("admin.listen ({}) is not a loopback address: whoever reaches it sees "
                     "and steers this sidecar",
                     service.admin.listen->text()),
         ""});
  }
  if (service.outbound) return;
  for (const std::string_view key : {"upstreams", "routes"}) {
    if (!findings.written(key)) continue;
    findings.error({key}, {},
                   {fmt::format("{} serve outbound calls, and there is no outbound", key), ""});
  }
}

void lint_upstreams(const policy::Service& service, Findings& findings) {
  for (const policy::Upstream& upstream : service.upstreams) {
    const std::string_view name = upstream.name;
    lint_endpoints(service, upstream, findings);
    lint_balance(upstream, findings);
    lint_failover(upstream, findings);
    lint_health(upstream, findings);
    lint_protocol(upstream, findings);
    const auto& ejection = upstream.ejection;
    if (ejection.base > ejection.maximum) {
      findings.error(
          {"upstreams", name, "ejection", "base"}, {"upstreams", name, "ejection"},
          {fmt::format("upstreams.{0}.ejection.base ({1}) is longer than its maximum ({2})", name,
                       text_of(ejection.base), text_of(ejection.maximum)),
           ""});
    }
    if (upstream.pool.idle > upstream.pool.connections) {
      findings.error({"upstreams", name, "pool", "idle"}, {"upstreams", name, "pool"},
                     {fmt::format("upstreams.{}.pool keeps more idle connections ({}) than it may "
                                  "have ({})",
                                  name, upstream.pool.idle, upstream.pool.connections),
                      ""});
    }
  }
}

}  // namespace weir::config
