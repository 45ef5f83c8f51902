// Which endpoints there are, and what is kept of them over a change of policy.
#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "state.h"

namespace weir::cluster {
namespace {

std::uint64_t next_endpoint_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

Cluster::State::State(const policy::Upstream& upstream, std::string own_zone, std::uint64_t seed,
                      Instant now)
    : zone(std::move(own_zone)),
      random(seed),
      tokens(upstream.failover.ratio, upstream.failover.minimum_per_second, now),
      bulkhead(Bulkhead::make(upstream.bulkhead)) {
  policy.failover = upstream.failover;
  apply(upstream, now);
  // Slow start is for those that join others.
  for (const auto& member : members) member->full_at = now;
}

void Cluster::State::apply(const policy::Upstream& upstream, Instant now) {
  if (upstream.failover.ratio != policy.failover.ratio ||
      upstream.failover.minimum_per_second != policy.failover.minimum_per_second) {
    tokens = {upstream.failover.ratio, upstream.failover.minimum_per_second, now};
  }
  take_members(upstream, now);
  policy = upstream;
  policy.endpoints.clear();
  bulkhead->apply(policy.bulkhead);
  compile_groups(now);
}

void Cluster::State::take_members(const policy::Upstream& upstream, Instant now) {
  std::unordered_map<Address, std::shared_ptr<Member>> known;
  for (auto& member : members) known.emplace(member->facts.address, std::move(member));
  members.clear();
  for (const policy::Endpoint& facts : upstream.endpoints) {
    const auto found = known.find(facts.address);
    if (found != known.end() && found->second->facts == facts) {
      members.push_back(std::move(found->second));
      known.erase(found);
      members.back()->health.apply(upstream.ejection, now);
      if (!upstream.health) members.back()->checked.reset();
      continue;
    }
    auto member =
        std::make_shared<Member>(Endpoint{next_endpoint_id(), facts}, upstream.ejection, now);
    member->hash = facts.address.hash();
    member->slow_start = upstream.balance.slow_start;
    member->full_at = now + member->slow_start;
    members.push_back(std::move(member));
  }
  for (const auto& [address, member] : known) member->retired = true;
}

void Cluster::State::compile_groups(Instant now) {
  std::vector<std::shared_ptr<Group>> kept;
  std::vector<std::vector<Member*>> lists;
  std::vector<Member*> everybody;
  const auto group_of = [&](const std::string& version) {
    for (std::size_t index = 0; index < kept.size(); ++index) {
      if (kept[index]->version == version) return index;
    }
    std::shared_ptr<Group> group;
    for (const auto& known : groups) {
      if (known->version == version) group = known;
    }
    if (group) {
      group->breaker.apply(policy.breaker, now);
    } else {
      group = std::make_shared<Group>(version, policy.breaker, now);
    }
    kept.push_back(std::move(group));
    lists.emplace_back();
    return kept.size() - 1;
  };
  for (const auto& member : members) {
    const std::size_t index = group_of(member->facts.version);
    member->group = kept[index];
    lists[index].push_back(member.get());
    everybody.push_back(member.get());
  }
  groups = std::move(kept);
  for (std::size_t index = 0; index < groups.size(); ++index) {
    Selection& selection = groups[index]->selection;
    selection.compile(std::move(lists[index]), policy.balance, zone);
    if (selection.available() > 0) continue;
    // Whoever took traffic has left: better those that were out than nobody.
    for (Member* member : selection.members()) member->health.reinstate(now);
    selection.refresh();
  }
  // One version's list is everybody's list.
  all_.compile(groups.size() > 1 ? std::move(everybody) : std::vector<Member*>{}, policy.balance,
               zone);
}

Group* Cluster::State::find(std::string_view version) const {
  for (const auto& group : groups) {
    if (group->version == version) return group.get();
  }
  return nullptr;
}

Member* Cluster::State::find(std::uint64_t endpoint_id) const {
  const auto found =
      std::ranges::find(members, endpoint_id, [](const auto& member) { return member->id; });
  return found == members.end() ? nullptr : found->get();
}

ClusterStatus Cluster::State::status(Instant now) {
  ClusterStatus status;
  status.name = policy.name;
  for (const auto& member : members) {
    resilience::EndpointHealth& health = member->health;
    status.endpoints.push_back(
        {.facts = member->facts,
         .health = std::string{resilience::name_of(health.state(now))},
         .checked = member->checked ? std::string{resilience::name_of(*member->checked)} : "",
         .ejected_for =
             health.ejected() ? std::max(health.since_or_until() - now, Duration{}) : Duration{},
         .outstanding = member->outstanding,
         .latency = member->latency.latency(now),
         .error_rate = health.error_rate(now),
         .ejections = health.ejections()});
  }
  for (const auto& group : groups) {
    status.breakers.push_back({group->version, group->breaker.state(), group->breaker.openings()});
  }
  status.latency = latencies.view(now);
  status.ejections = ejections;
  status.retry_tokens = tokens.available(now);
  status.concurrent = bulkhead->in_use();
  status.waiting = bulkhead->waiting();
  return status;
}

}  // namespace weir::cluster
