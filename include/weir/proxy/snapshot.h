// One generation of the configuration, compiled: immutable, shared by all workers. An exchange
// keeps the one that it began with.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "weir/cluster/cluster.h"
#include "weir/net/tls.h"
#include "weir/policy/service.h"
#include "weir/route/table.h"
#include "weir/telemetry/record.h"

namespace weir::proxy {

// Where a route leads.
struct Destination {
  const policy::Upstream* upstream = nullptr;
  std::shared_ptr<cluster::Cluster> cluster;
  std::shared_ptr<const net::TlsClient> tls;  // null: plain text
};

struct CompiledRoute {
  const policy::Route* route = nullptr;
  Destination to;
  std::optional<Destination> fallback;  // Fallback::Kind::upstream
  bool fails_over = false;              // the route's word, else the upstream's
};

// A listener with its routes.
struct CompiledListener {
  telemetry::Direction direction;
  const policy::Listener* policy = nullptr;
  Duration margin{};  // kept back from budgets that are handed on
  route::Table table;
  std::vector<CompiledRoute> routes;          // in the table's order
  std::shared_ptr<const net::TlsServer> tls;  // null: plain text only
};

class Snapshot {
 public:
  std::uint64_t generation = 0;
  policy::Service service;
  std::vector<policy::Route> inbound_routes;  // the application, for everything
  std::optional<CompiledListener> inbound;
  std::optional<CompiledListener> outbound;

  const CompiledListener* listener(telemetry::Direction direction) const;
};

// All clusters of the process, by name; they live on from one generation to the next.
class Clusters {
 public:
  explicit Clusters(std::uint64_t seed) : seed_(seed) {}

  // `service` has passed config's checks. Clusters that the new service does not name are
  // forgotten here and end with the last exchange that uses them.
  std::shared_ptr<const Snapshot> compile(policy::Service service, Instant now);
  std::vector<cluster::ClusterStatus> status(Instant now) const;

 private:
  Destination destination(const policy::Upstream& upstream, const std::string& zone, Instant now);
  CompiledListener compile_listener(const Snapshot& snapshot, telemetry::Direction direction,
                                    Instant now);

  mutable std::mutex mutex_;
  std::uint64_t seed_;
  std::uint64_t generation_ = 0;
  std::unordered_map<std::string, std::shared_ptr<cluster::Cluster>> clusters_;
};

}  // namespace weir::proxy
