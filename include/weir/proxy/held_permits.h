// Permits of calls to the application that were given up and that it probably still works on.
#pragma once

#include <memory>
#include <vector>

#include "weir/base/scheduler.h"
#include "weir/cluster/cluster.h"

namespace weir::proxy {

// One worker's. What is left is given back when it ends.
class HeldPermits final : private Wakeable {
 public:
  explicit HeldPermits(Scheduler& scheduler) : scheduler_(scheduler) {}

  // Keeps `permit` until the call of `cluster` that began at `began` occupies it no longer.
  void hold(cluster::Permit permit, std::shared_ptr<cluster::Cluster> cluster, Instant began);

 private:
  struct Held {
    cluster::Permit permit;
    std::shared_ptr<cluster::Cluster> cluster;
    Instant began;
    Instant until;
  };
  void wake() override;

  Scheduler& scheduler_;
  std::vector<Held> held_;
  Timer timer_{*this};
};

}  // namespace weir::proxy
