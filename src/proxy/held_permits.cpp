#include "weir/proxy/held_permits.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

using Look = cluster::Occupancy::Look;

void HeldPermits::hold(cluster::Permit permit, std::shared_ptr<cluster::Cluster> cluster,
                       Instant began) {
  const Instant until = cluster->occupied_until(began, Look::first, scheduler_.now());
  if (until <= scheduler_.now()) return;
  held_.push_back({std::move(permit), std::move(cluster), began, until});
  if (!timer_.armed() || until < timer_.due()) scheduler_.arm(timer_, until);
}

// An answer may have come meanwhile, so that many can be given back together.
void HeldPermits::wake() {
  timer_.disarm();
  const Instant now = scheduler_.now();
  Instant next = Instant::max();
  std::erase_if(held_, [&](Held& held) {
    if (held.until <= now) held.until = held.cluster->occupied_until(held.began, Look::again, now);
    if (held.until > now) next = std::min(next, held.until);
    return held.until <= now;
  });
  if (next != Instant::max()) scheduler_.arm(timer_, next);
}

}  // namespace weir::proxy
