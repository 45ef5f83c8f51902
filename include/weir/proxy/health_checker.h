// Asks every endpoint of the upstreams that have a `health` section whether it is well, and tells
// the clusters.
//
//   resting --(its time has come)--> asking --(answer, failure, timeout)--> resting
//
// One per process, on one worker: what it finds out is kept in the clusters, which all workers
// share. Its calls are no exchanges: they take no permit, earn no token, count in no request metric
// and are no load. They use the worker's pools, so that a connection that calls go over is checked
// as well.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "weir/base/random.h"
#include "weir/base/scheduler.h"
#include "weir/proxy/snapshot.h"
#include "weir/upstream/pool.h"

namespace weir::proxy {

class HealthChecker {
 public:
  // Everything referred to outlives the checker. Nothing is asked before apply().
  HealthChecker(Scheduler& scheduler, upstream::Pools& pools, Random& random);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // Endpoints that are new are asked at once. Those known keep their count of answers; a check that
  // is in progress ends under the policy it began with. Not called from a Wakeable of the
  // checker's.
  void apply(const std::shared_ptr<const Snapshot>& snapshot);

  // Endpoints under observation.
  std::size_t size() const { return probes_.size(); }

 private:
  struct Target;
  class Probe;
  using Probes = std::unordered_map<std::uint64_t, std::unique_ptr<Probe>>;
  void keep(const Target& target, Probes& probes);

  Scheduler& scheduler_;
  upstream::Pools& pools_;
  Random& random_;
  Probes probes_;  // by endpoint id
};

}  // namespace weir::proxy
