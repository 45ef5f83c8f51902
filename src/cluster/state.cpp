// What a call's beginning and end mean: admission, load, latency, health, breaker.
#include "state.h"

#include <algorithm>

namespace weir::cluster {
namespace {

using resilience::BreakerState;
using resilience::EndpointHealth;
using resilience::Failure;
using Call = EndpointHealth::Call;

// Many ejections that end together are one change of the lists.
constexpr Duration least_between_polls = std::chrono::milliseconds{10};
// A call that had so many medians to be answered in did not fail by a short budget alone.
constexpr int patient_medians = 2;

enum class Told : std::uint8_t {
  success,
  error,
  cut_short,
  refused,  // it answered, but could not help, and is not to blame
  nothing
};

Told told_by(const resilience::Outcome& outcome) {
  if (outcome.spares_endpoint) return Told::refused;
  switch (outcome.failure) {
    case Failure::none: return resilience::counts_as_error(outcome) ? Told::error : Told::success;
    case Failure::deadline_passed:
    case Failure::caller_gone: return Told::cut_short;
    default:
      return resilience::facts_of(outcome.failure).blames_endpoint ? Told::error : Told::nothing;
  }
}

bool is_cut_off(Failure failure) {
  return failure == Failure::attempt_timeout || failure == Failure::connect_timeout;
}

}  // namespace

void Cluster::State::poll(Instant now) {
  if (now < next_poll_) return;
  Instant next = Instant::max();
  bool changed = false;
  for (const auto& member : members) {
    changed |= member->health.poll(now);
    if (member->health.ejected()) next = std::min(next, member->health.since_or_until());
  }
  if (changed) {
    for (const auto& group : groups) group->selection.refresh();
    if (groups.size() > 1) all_.refresh();
  }
  next_poll_ = std::max(next, now + least_between_polls);
}

void Cluster::State::refresh(Group& group) {
  group.selection.refresh();
  if (groups.size() > 1) all_.refresh();
}

// The endpoint that now has the address of one that was tried: a reload may have changed its facts.
const Endpoint* Cluster::State::current(const Endpoint* tried) const {
  if (tried == nullptr) return nullptr;
  const auto found = std::ranges::find_if(members, [tried](const auto& member) {
    return member->facts.address == tried->facts.address;
  });
  return found == members.end() ? nullptr : found->get();
}

std::expected<Admission, PickRefusal> Cluster::State::admit(const PickRequest& request,
                                                            Choice::Attempt attempt, Instant now) {
  poll(now);
  Choice choice{.hash = request.hash,
                .exclude = current(request.exclude),
                .attempt = attempt,
                .may_probe = request.may_probe,
                .avoided_zone = {},
                .usual = latencies.view(now).median,
                .now = now};
  if (choice.usual == Duration::zero()) choice.usual = std::chrono::milliseconds{1};
  if (attempt == Choice::Attempt::second && request.exclude != nullptr) {
    choice.avoided_zone = request.exclude->facts.zone;
  }
  const bool any = request.version.empty() && groups.size() > 1;
  if (!any) {
    Group* group =
        request.version.empty() && !groups.empty() ? groups.front().get() : find(request.version);
    if (group == nullptr) return std::unexpected{PickRefusal{}};
    return admit_to(*group, choice);
  }
  Member* drawn = all_.choose(choice, random);
  if (drawn == nullptr) return std::unexpected{PickRefusal{}};
  // The breaker's word comes after the draw, which may have taken a place on probation.
  if (drawn->group->breaker.state() == BreakerState::closed) {
    return Admission{drawn, drawn->group->breaker.period_if_closed()};
  }
  drawn->health.abandon(drawn->health.period());
  auto admission = admit_to(*drawn->group, choice);
  for (const auto& group : groups) {
    if (admission) break;
    if (group == drawn->group) continue;
    if (auto other = admit_to(*group, choice)) return other;
  }
  return admission;
}

std::expected<Admission, PickRefusal> Cluster::State::admit_to(Group& group, const Choice& choice) {
  resilience::Breaker& breaker = group.breaker;
  const bool first = choice.attempt == Choice::Attempt::first;
  auto admitted = first ? breaker.admit(choice.now) : breaker.period_if_closed();
  if (!admitted && (first || breaker.state() == BreakerState::open)) {
    return std::unexpected{PickRefusal{Failure::breaker_open, breaker.retry_after(choice.now)}};
  }
  if (Member* member = group.selection.choose(choice, random)) return Admission{member, admitted};
  if (admitted) breaker.abandon(*admitted);
  return std::unexpected{PickRefusal{}};
}

void Cluster::State::begin(Member& member, Instant now) {
  if (member.unanswered++ == 0) member.busy_since = now;
  ++member.outstanding;
  ++member.group->selection.outstanding;
  ++all_.outstanding;
}

// The sums were counted anew, without this member, when it was retired.
void Cluster::State::leave(Member& member, const Ending& ending) {
  --member.outstanding;
  if (!ending.answered) --member.unanswered;
  if (member.retired) return;
  --member.group->selection.outstanding;
  --all_.outstanding;
}

void Cluster::State::answered(Member& member, Instant now) {
  --member.unanswered;
  member.busy_since = now;
  speak(now);
}

// Whoever answers does not hang.
void Cluster::State::speak(Instant now) {
  if (occupancy.silent()) bulkhead->lift();
  occupancy.answered(now);
}

void Cluster::State::finish(Member& member, const Ending& ending, Instant now) {
  leave(member, ending);
  if (ending.outcome.status != 0) speak(now);
  judge(member, ending, now);
}

void Cluster::State::judge(Member& member, const Ending& ending, Instant now) {
  judge_health(member, ending, now);
  judge_breaker(member, ending, now);
  learn_latency(member, ending, now);
}

void Cluster::State::abandon(Member& member, const Ending& ending) {
  leave(member, ending);
  member.health.abandon(ending.period);
  if (ending.admitted) member.group->breaker.abandon(*ending.admitted);
}

// What was cut off would have taken longer, so it may raise the estimates and never lowers them.
void Cluster::State::learn_latency(Member& member, const Ending& ending, Instant now) {
  const resilience::LatencyView& seen = latencies.view(now);
  switch (told_by(ending.outcome)) {
    case Told::success:
      latencies.record(ending.elapsed, now);
      member.latency.answered(ending.elapsed, now);
      member.busy_since = now;
      break;
    case Told::error:
      member.latency.failed(ending.elapsed, seen.median, now);
      if (is_cut_off(ending.outcome.failure)) {
        latencies.record(seen.enough() ? std::max(ending.elapsed, seen.p95) : ending.elapsed, now);
      } else {
        member.busy_since = now;
      }
      break;
    case Told::cut_short:
      if (seen.enough() && ending.elapsed >= seen.p99) latencies.record(ending.elapsed, now);
      member.latency.outlasted(ending.elapsed, now);
      break;
    // Others are the better choice for a while.
    case Told::refused:
      member.latency.failed(ending.elapsed, seen.median, now);
      member.busy_since = now;
      break;
    case Told::nothing: break;
  }
}

void Cluster::State::judge_health(Member& member, const Ending& ending, Instant now) {
  if (member.retired) return;
  EndpointHealth& health = member.health;
  Call call{Call::Result::success, ending.elapsed, ending.period};
  const resilience::LatencyView& seen = latencies.view(now);
  switch (told_by(ending.outcome)) {
    case Told::success: break;
    case Told::error: call.result = Call::Result::error; break;
    case Told::cut_short:
      if (ending.outcome.failure != Failure::deadline_passed || !seen.enough() ||
          ending.elapsed < seen.median * patient_medians) {
        return health.abandon(ending.period);
      }
      call.result = Call::Result::unanswered;
      break;
    case Told::refused:
      // Who is to show that it is well again and has no place for the call has not shown it.
      if (!ending.outcome.unprocessed || !health.on_probation()) {
        return health.abandon(ending.period);
      }
      call.result = Call::Result::error;
      break;
    case Told::nothing: return health.abandon(ending.period);
  }
  const bool was_available = health.available();
  const auto verdict = health.record(call, now);
  if (shall_leave(member, verdict, ending, now)) {
    health.eject(now, random);
    ++ejections;
    next_poll_ = std::min(next_poll_, health.since_or_until());
    refresh(*member.group);
  } else if (health.available() != was_available) {
    refresh(*member.group);
  }
}

// The last one never does, and nobody who is no worse than the others. That calls to it break or
// outlast those to others is worse by itself.
bool Cluster::State::shall_leave(Member& member, EndpointHealth::Verdict verdict,
                                 const Ending& ending, Instant now) {
  using Verdict = EndpointHealth::Verdict;
  if (verdict == Verdict::keep) return false;
  if (verdict == Verdict::probe) return true;
  const Selection& selection = member.group->selection;
  if (selection.available() <= 1) return false;
  if (verdict == Verdict::in_a_row && ending.outcome.failure != Failure::none) return true;
  resilience::Peers peers{.recent = {}, .succeeding = false};
  for (Member* other : selection.members()) {
    if (other == &member || !other->health.available()) continue;
    peers.recent += other->health.recent(now);
    peers.succeeding |=
        other->health.failures_in_a_row() == 0 && other->health.unanswered_in_a_row() == 0;
  }
  const std::uint32_t in_a_row = member.health.failures_in_a_row();
  return resilience::distinctly_worse(verdict, member.health.recent(now), in_a_row, peers);
}

void Cluster::State::judge_breaker(Member& member, const Ending& ending, Instant now) const {
  if (!ending.admitted) return;
  resilience::Breaker& breaker = member.group->breaker;
  using Result = resilience::Breaker::Result;
  switch (told_by(ending.outcome)) {
    case Told::success: breaker.record(*ending.admitted, Result::success, now); break;
    case Told::error: breaker.record(*ending.admitted, Result::error, now); break;
    case Told::cut_short:
    case Told::refused:
    case Told::nothing: breaker.abandon(*ending.admitted); break;
  }
}

void Cluster::State::report_health(std::uint64_t endpoint_id, resilience::Wellness wellness) {
  Member* member = find(endpoint_id);
  // A verdict that is late: the policy has no checks any more.
  if (member == nullptr || !policy.health || member->checked == wellness) return;
  member->checked = wellness;
  refresh(*member->group);
}

}  // namespace weir::cluster
