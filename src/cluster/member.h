// An endpoint with all that has been learned of it. Guarded by its cluster's lock, but for the
// facts, which never change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "peak_ewma.h"
#include "weir/base/random.h"
#include "weir/cluster/endpoint.h"
#include "weir/resilience/ejection.h"
#include "weir/resilience/health_check.h"

namespace weir::cluster {

struct Group;

struct Member : Endpoint, std::enable_shared_from_this<Member> {
  Member(Endpoint what, const policy::Ejection& ejection, Instant now)
      : Endpoint(std::move(what)), health(ejection, now), busy_since(now), full_at(now) {}

  // Of the traffic that its weight would give it; below one while ramping or in slow start.
  double share(Instant now) const {
    const double recovered = health.share(now);
    if (now >= full_at) return recovered;
    const double left = seconds(full_at - now) / std::max(seconds(slow_start), 1e-9);
    return std::min(recovered, std::clamp(1 - 0.9 * left, 0.1, 1.0));
  }

  // How long it has held calls and answered none. Beyond some time that is a call that is made to
  // wait rather than an endpoint that hangs.
  Duration silence(Instant now) const {
    constexpr Duration longest = std::chrono::seconds{10};
    const Duration silent = unanswered == 0 ? Duration::zero() : now - busy_since;
    return silent > longest ? Duration::zero() : silent;
  }

  bool unwell() const { return checked == resilience::Wellness::unwell; }

  std::shared_ptr<Group> group;  // of its version
  resilience::EndpointHealth health;
  std::optional<resilience::Wellness> checked;  // the verdict of health checks
  PeakEwma latency;
  std::uint32_t outstanding = 0;
  std::uint32_t unanswered = 0;  // of these: no response has begun
  Instant busy_since;            // no answer has come since then, while some are unanswered
  Instant full_at;               // when slow start ends
  Duration slow_start{};         // its length
  double credit = 0;             // weighted round robin
  bool retired = false;          // no longer in the policy, but still leased
  std::uint64_t hash = 0;        // of the address, the same in every process
};

}  // namespace weir::cluster
