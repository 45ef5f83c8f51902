// A named upstream at work: its endpoints, their health, breakers, retry tokens and bulkhead.
//
// One per upstream and process, shared by all workers and kept over reloads; every public function
// is thread-safe. Two short critical sections per exchange: pick() and Lease::finish().
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/random.h"
#include "weir/base/time.h"
#include "weir/cluster/bulkhead.h"
#include "weir/cluster/endpoint.h"
#include "weir/cluster/occupancy.h"
#include "weir/cluster/status.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/breaker.h"
#include "weir/resilience/ejection.h"
#include "weir/resilience/health_check.h"
#include "weir/resilience/latency.h"
#include "weir/resilience/outcome.h"

namespace weir::cluster {

class Cluster;
struct Admission;
struct Member;

// One attempt's hold on an endpoint: it counts as load there until finished or destroyed.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();  // unfinished: abandoned, tells nothing of the endpoint

  // Given and not finished yet.
  explicit operator bool() const { return cluster_ != nullptr; }
  // Valid as long as the lease, also after finish() and when the endpoint has left the policy.
  const Endpoint& endpoint() const;
  // The upstream's latencies as they were when the lease was given.
  const resilience::LatencyView& latency() const { return latency_; }
  // What this endpoint's answers have lately taken (peak EWMA), or how long it has held calls and
  // answered none, whichever is more; zero before its first call.
  Duration expected() const { return expected_; }

  // A response has begun that may go on for long: what is still to come is not waited for. Calls
  // after the first, or after finish(), do nothing.
  void answered(Instant now);
  // As finish(), of what goes on for long and will tell nothing more of the endpoint: it stays load
  // there until finish() or destruction. Calls after the first do nothing.
  void judge(const resilience::Outcome& outcome, Duration elapsed, Instant now);
  // The attempt's end. `elapsed` is the time to the response head, or to the failure; an attempt
  // that was cut off counts as at least that long. Failures that do not blame the endpoint
  // (facts_of) only end the lease. Calls after the first do nothing.
  void finish(const resilience::Outcome& outcome, Duration elapsed, Instant now);

 private:
  friend class Cluster;
  void abandon();
  std::shared_ptr<Cluster> cluster_;  // null when empty or finished
  std::shared_ptr<Member> member_;
  resilience::LatencyView latency_;
  Duration expected_{};
  std::optional<resilience::Breaker::Period> admitted_;  // by the version's breaker
  resilience::EndpointHealth::Period period_ = 0;
  bool answered_ = false;
  bool judged_ = false;
};

struct PickRequest {
  std::string_view version{};         // empty: every version
  std::uint64_t hash = 0;             // consistent hashing only
  const Endpoint* exclude = nullptr;  // the instance that was tried already; its lease still held
  bool may_probe = true;  // false: it could not fail over, so endpoints on probation rather wait
};

struct PickRefusal {
  resilience::Failure failure = resilience::Failure::no_endpoint;  // or breaker_open
  Duration retry_after{};
};

class Cluster : public std::enable_shared_from_this<Cluster> {
 public:
  // `zone` is our own, for zone preference. `policy` has passed config's checks.
  static std::shared_ptr<Cluster> make(const policy::Upstream& policy, std::string zone,
                                       std::uint64_t seed, Instant now);
  ~Cluster();

  // Takes a new policy over; endpoints whose facts are unchanged keep what was learned of them.
  void apply(const policy::Upstream& policy, Instant now);

  // The breaker that is asked is that of the endpoint's version, also for a request of any version;
  // where one version's is open, such a request goes to the others.
  //
  // For a first attempt: asks the version's breaker, chooses an endpoint, counts a first attempt
  // for the retry tokens.
  std::expected<Lease, PickRefusal> pick(const PickRequest& request, Instant now);
  // For the second attempt, after may_fail_over() and take_token(): another zone first, never
  // `exclude`, never an endpoint on probation, no place of a half-open breaker's probes. Refused
  // while the breaker is open, which the first attempt's end may have caused.
  std::expected<Lease, PickRefusal> pick_second(const PickRequest& request, Instant now);
  bool take_token(Instant now);

  // What the upstream's latencies have lately been; zero while unknown.
  resilience::LatencyView latency(Instant now);
  Bulkhead& bulkhead();
  // Of a call that began at `began` and was given up: when to look again whether it still occupies
  // an endpoint (cluster/occupancy.h). At `now` or earlier it does not, and its permit may be given
  // back. While nothing is answered, nobody else is let in.
  Instant occupied_until(Instant began, Occupancy::Look look, Instant now);
  ClusterStatus status(Instant now);

  // The endpoints of the policy in force; connections to others are not needed any more.
  std::vector<std::uint64_t> endpoint_ids();

  // For a health check: names the endpoint and counts as nothing, neither load nor an answer.
  // Empty when the endpoint has left the policy.
  std::optional<Lease> lease_for_check(std::uint64_t endpoint_id);
  // The verdict of the health checks. An endpoint that is unwell gets no calls, on probation
  // neither, until it is well or the policy has no checks any more; it does not count as ejected.
  // Where all endpoints of a version are unwell or ejected, the verdicts are ignored: it is rather
  // the check that is wrong, and nobody would be left.
  void report_health(std::uint64_t endpoint_id, resilience::Wellness wellness);

 private:
  friend class Lease;
  struct State;
  Cluster();
  std::expected<Lease, PickRefusal> lease_of(const std::expected<Admission, PickRefusal>& admission,
                                             Instant now);
  std::unique_ptr<State> state_;
};

}  // namespace weir::cluster
