// One generation of the configuration, compiled: immutable, shared by all workers. An exchange
// keeps the one that it began with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "weir/cluster/cluster.h"
#include "weir/net/tls.h"
#include "weir/policy/service.h"
#include "weir/proxy/destination.h"
#include "weir/route/table.h"
#include "weir/telemetry/record.h"

namespace weir::proxy {

// A listener with its routes.
struct CompiledListener {
  telemetry::Direction direction;
  const policy::Listener* policy = nullptr;
  Duration margin{};  // kept back from budgets that are handed on
  route::Table table;
  std::vector<CompiledRoute> routes;          // in the table's order
  std::shared_ptr<const net::TlsServer> tls;  // null: plain text only
  const policy::Inbound* inbound = nullptr;   // null outbound
  // Whether each request is asked who makes it: there are rules, or identities to be counted.
  bool authorizes = false;
  // The policy towards whoever has not proved to be inside the trust domain; none without one.
  std::optional<policy::Listener> towards_strangers;

  // Under which name the application is told; nullopt outbound.
  std::optional<std::string_view> identity_header() const {
    return inbound == nullptr ? std::nullopt
                              : std::optional<std::string_view>{inbound->identity_header};
  }
  // The policy that holds for a caller with this TLS session (null: plain text): budgets, marks and
  // trace ids are believed from inside the trust domain, or as configured where there is none.
  const policy::Listener& towards(const net::TlsPeer* caller) const;
  // Whether a connection that was let in by `context` (null: in plain text) would be let in now for
  // the same reasons.
  bool still_takes(const net::TlsServer* context) const;
};

// The secrets of one generation. A missing one: plain text.
struct TlsContexts {
  std::shared_ptr<const net::TlsServer> inbound;
  std::map<std::string, std::shared_ptr<const net::TlsClient>, std::less<>> upstreams;  // by name
};

class Snapshot {
 public:
  std::uint64_t generation = 0;
  policy::Service service;
  std::vector<policy::Route> inbound_routes;  // the application, for everything
  std::optional<CompiledListener> inbound;
  std::optional<CompiledListener> outbound;
  UpstreamRoutes upstreams;

  const CompiledListener* listener(telemetry::Direction direction) const;
};

// All clusters of the process, by name; they live on from one generation to the next.
class Clusters {
 public:
  explicit Clusters(std::uint64_t seed) : seed_(seed) {}

  // `service` has passed config's checks. Clusters that the new service does not name are
  // forgotten here and end with the last exchange that uses them.
  std::shared_ptr<const Snapshot> compile(policy::Service service, Instant now,
                                          TlsContexts contexts = {});
  std::vector<cluster::ClusterStatus> status(Instant now) const;

 private:
  Destination destination(const policy::Upstream& upstream, const std::string& zone, Instant now);
  CompiledListener compile_listener(const Snapshot& snapshot, telemetry::Direction direction,
                                    Instant now);

  mutable std::mutex mutex_;
  std::uint64_t seed_;
  std::uint64_t generation_ = 0;
  TlsContexts contexts_;  // of the snapshot being compiled
  std::unordered_map<std::string, std::shared_ptr<cluster::Cluster>> clusters_;
};

}  // namespace weir::proxy
