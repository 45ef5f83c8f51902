// One worker's connections to the endpoints, busy and idle.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "weir/cluster/endpoint.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/h1_pool.h"
#include "weir/upstream/h2_pool.h"
#include "weir/upstream/pool_services.h"

namespace weir::upstream {

// The connections to one endpoint, whatever they speak: one limit holds for all of them.
class Pool final {
 public:
  // `upstream` names it in the recorder.
  Pool(PoolServices& services, std::string upstream)
      : upstream_(std::move(upstream)), h1_(services, upstream_), h2_(services, upstream_) {}

  H1Pool& h1() { return h1_; }
  H2Pool& h2() { return h2_; }
  std::size_t size() const { return h1_.size() + h2_.size(); }
  // Closes what is idle, now and from now on.
  void retire() {
    h1_.retire();
    h2_.retire();
  }

 private:
  std::string upstream_;
  H1Pool h1_;
  H2Pool h2_;
};

// Every call has been released before the pools are destroyed.
class Pools final {
 public:
  Pools(Scheduler& scheduler, net::Connector& connector, Random& random,
        telemetry::Recorder& recorder);

  Pool& of(const cluster::Endpoint& endpoint, const policy::Upstream& upstream);
  net::Connector& connector() { return services_.connector; }
  Scheduler& scheduler() { return services_.scheduler; }
  // Closes the idle connections of every endpoint that is not in `ids`, and forgets pools that
  // have become empty.
  void retain(const std::unordered_set<std::uint64_t>& ids);
  void close_idle() { retain({}); }
  std::size_t connections() const;

 private:
  Graveyard<H1Connection> h1_graveyard_;
  Graveyard<H2Connection> h2_graveyard_;
  PoolServices services_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Pool>> pools_;
};

}  // namespace weir::upstream
