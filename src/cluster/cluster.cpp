#include "weir/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "state.h"

namespace weir::cluster {

Lease::Lease(Lease&& other) noexcept = default;

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  cluster_ = std::move(other.cluster_);
  member_ = std::move(other.member_);
  latency_ = other.latency_;
  expected_ = other.expected_;
  admitted_ = other.admitted_;
  period_ = other.period_;
  answered_ = other.answered_;
  judged_ = other.judged_;
  return *this;
}

Lease::~Lease() { abandon(); }

const Endpoint& Lease::endpoint() const { return *member_; }

void Lease::answered(Instant now) {
  if (!cluster_ || std::exchange(answered_, true)) return;
  const std::lock_guard lock{cluster_->state_->mutex};
  cluster_->state_->answered(*member_, now);
}

void Lease::judge(const resilience::Outcome& outcome, Duration elapsed, Instant now) {
  answered(now);
  if (!cluster_ || std::exchange(judged_, true)) return;
  const std::lock_guard lock{cluster_->state_->mutex};
  cluster_->state_->judge(*member_, {outcome, elapsed, admitted_, period_, answered_}, now);
}

void Lease::finish(const resilience::Outcome& outcome, Duration elapsed, Instant now) {
  if (!cluster_) return;
  if (judged_) return abandon();
  {
    const std::lock_guard lock{cluster_->state_->mutex};
    cluster_->state_->finish(*member_, {outcome, elapsed, admitted_, period_, answered_}, now);
  }
  cluster_.reset();
}

void Lease::abandon() {
  if (!cluster_) return;
  {
    const std::lock_guard lock{cluster_->state_->mutex};
    const Ending ending{{}, {}, admitted_, period_, answered_};
    if (judged_) {
      cluster_->state_->leave(*member_, ending);
    } else {
      cluster_->state_->abandon(*member_, ending);
    }
  }
  cluster_.reset();
}

Cluster::Cluster() = default;
Cluster::~Cluster() = default;

std::shared_ptr<Cluster> Cluster::make(const policy::Upstream& policy, std::string zone,
                                       std::uint64_t seed, Instant now) {
  // The constructor is private, which keeps every cluster shared.
  std::shared_ptr<Cluster> cluster{new Cluster};
  cluster->state_ = std::make_unique<State>(policy, std::move(zone), seed, now);
  return cluster;
}

void Cluster::apply(const policy::Upstream& policy, Instant now) {
  const std::lock_guard lock{state_->mutex};
  state_->apply(policy, now);
}

std::expected<Lease, PickRefusal> Cluster::pick(const PickRequest& request, Instant now) {
  const std::lock_guard lock{state_->mutex};
  auto lease = lease_of(state_->admit(request, Choice::Attempt::first, now), now);
  if (lease) state_->tokens.earn();
  return lease;
}

std::expected<Lease, PickRefusal> Cluster::pick_second(const PickRequest& request, Instant now) {
  const std::lock_guard lock{state_->mutex};
  return lease_of(state_->admit(request, Choice::Attempt::second, now), now);
}

std::expected<Lease, PickRefusal> Cluster::lease_of(
    const std::expected<Admission, PickRefusal>& admission, Instant now) {
  if (!admission) return std::unexpected{admission.error()};
  Lease lease;
  lease.expected_ =
      std::max(admission->member->latency.latency(now), admission->member->silence(now));
  state_->begin(*admission->member, now);
  lease.cluster_ = shared_from_this();
  lease.member_ = admission->member->shared_from_this();
  lease.latency_ = state_->latencies.view(now);
  lease.admitted_ = admission->admitted;
  lease.period_ = admission->member->health.period();
  return lease;
}

bool Cluster::take_token(Instant now) {
  const std::lock_guard lock{state_->mutex};
  return state_->tokens.take(now);
}

resilience::LatencyView Cluster::latency(Instant now) {
  const std::lock_guard lock{state_->mutex};
  return state_->latencies.view(now);
}

Bulkhead& Cluster::bulkhead() { return *state_->bulkhead; }

Instant Cluster::occupied_until(Instant began, Occupancy::Look look, Instant now) {
  const std::lock_guard lock{state_->mutex};
  const Instant until = state_->occupancy.until(began, look, state_->latencies.view(now), now);
  if (state_->occupancy.silent()) state_->bulkhead->restrict_to_current();
  return until;
}

ClusterStatus Cluster::status(Instant now) {
  const std::lock_guard lock{state_->mutex};
  state_->poll(now);
  return state_->status(now);
}

std::vector<std::uint64_t> Cluster::endpoint_ids() {
  const std::lock_guard lock{state_->mutex};
  std::vector<std::uint64_t> ids;
  ids.reserve(state_->members.size());
  for (const auto& member : state_->members) ids.push_back(member->id);
  return ids;
}

std::optional<Lease> Cluster::lease_for_check(std::uint64_t endpoint_id) {
  const std::lock_guard lock{state_->mutex};
  Member* member = state_->find(endpoint_id);
  if (member == nullptr) return std::nullopt;
  Lease lease;
  lease.member_ = member->shared_from_this();
  return lease;
}

void Cluster::report_health(std::uint64_t endpoint_id, resilience::Wellness wellness) {
  const std::lock_guard lock{state_->mutex};
  state_->report_health(endpoint_id, wellness);
}

}  // namespace weir::cluster
