// A cluster behind its lock. Every function expects the lock to be held.
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "member.h"
#include "selection.h"
#include "weir/base/random.h"
#include "weir/cluster/cluster.h"
#include "weir/resilience/breaker.h"
#include "weir/resilience/latency.h"
#include "weir/resilience/tokens.h"

namespace weir::cluster {

// The endpoints of one version.
struct Group {
  Group(std::string name, const policy::Breaker& policy, Instant now)
      : version(std::move(name)), breaker(policy, now) {}

  std::string version;
  resilience::Breaker breaker;
  Selection selection;
};

// A member that a call may go to.
struct Admission {
  Member* member = nullptr;
  std::optional<resilience::Breaker::Period> admitted;
};

// How a call ended.
struct Ending {
  const resilience::Outcome& outcome;
  Duration elapsed{};
  std::optional<resilience::Breaker::Period> admitted;
  resilience::EndpointHealth::Period period = 0;
  bool answered = false;  // before its end
};

struct Cluster::State {
  State(const policy::Upstream& upstream, std::string own_zone, std::uint64_t seed, Instant now);

  void apply(const policy::Upstream& upstream, Instant now);
  // Moves those on whose time out is over.
  void poll(Instant now);

  std::expected<Admission, PickRefusal> admit(const PickRequest& request, Choice::Attempt attempt,
                                              Instant now);
  void begin(Member& member, Instant now);
  void answered(Member& member, Instant now);
  void judge(Member& member, const Ending& ending, Instant now);
  void leave(Member& member, const Ending& ending);
  void finish(Member& member, const Ending& ending, Instant now);
  void abandon(Member& member, const Ending& ending);

  void report_health(std::uint64_t endpoint_id, resilience::Wellness wellness);

  Group* find(std::string_view version) const;
  Member* find(std::uint64_t endpoint_id) const;
  ClusterStatus status(Instant now);

  mutable std::mutex mutex;
  std::string zone;
  policy::Upstream policy;  // without its endpoints, which are in `members`
  Random random;
  std::vector<std::shared_ptr<Member>> members;
  std::vector<std::shared_ptr<Group>> groups;
  resilience::LatencyHistogram latencies;
  resilience::RetryTokens tokens;
  Occupancy occupancy;
  std::uint64_t ejections = 0;
  std::shared_ptr<Bulkhead> bulkhead;

 private:
  void take_members(const policy::Upstream& upstream, Instant now);
  void compile_groups(Instant now);
  void refresh(Group& group);
  std::expected<Admission, PickRefusal> admit_to(Group& group, const Choice& choice);
  void learn_latency(Member& member, const Ending& ending, Instant now);
  bool shall_leave(Member& member, resilience::EndpointHealth::Verdict verdict,
                   const Ending& ending, Instant now);
  void judge_health(Member& member, const Ending& ending, Instant now);
  void judge_breaker(Member& member, const Ending& ending, Instant now) const;
  void speak(Instant now);
  const Endpoint* current(const Endpoint* tried) const;

  Selection all_;  // of every version; used where there are several
  Instant next_poll_ = Instant::max();
};

}  // namespace weir::cluster
