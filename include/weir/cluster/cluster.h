// A named upstream at work: its endpoints, their health, breakers, retry tokens and bulkhead.
//
// One per upstream and process, shared by all workers and kept over reloads; every public function
// is thread-safe. Two short critical sections per exchange: pick() and Lease::finish().
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/random.h"
#include "weir/base/time.h"
#include "weir/cluster/bulkhead.h"
#include "weir/cluster/endpoint.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/breaker.h"
#include "weir/resilience/latency.h"
#include "weir/resilience/outcome.h"

namespace weir::cluster {

class Cluster;

// One attempt's hold on an endpoint: it counts as load there until finished or destroyed.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();  // unfinished: abandoned, tells nothing of the endpoint

  explicit operator bool() const { return cluster_ != nullptr; }
  const Endpoint& endpoint() const { return *endpoint_; }
  // The upstream's latencies as they were when the lease was given.
  const resilience::LatencyView& latency() const { return latency_; }

  // The attempt's end. `elapsed` is the time to the response head, or to the failure; an attempt
  // that was cut off counts as at least that long. Failures that do not blame the endpoint
  // (facts_of) only end the lease.
  void finish(const resilience::Outcome& outcome, Duration elapsed, Instant now);

 private:
  friend class Cluster;
  std::shared_ptr<Cluster> cluster_;
  std::shared_ptr<const Endpoint> endpoint_;
  resilience::LatencyView latency_;
  std::uint32_t version_ = 0;  // index of the breaker
};

struct PickRequest {
  std::string_view version;           // empty: every version
  std::uint64_t hash = 0;             // consistent hashing only
  const Endpoint* exclude = nullptr;  // the instance that was tried already
};

struct PickRefusal {
  resilience::Failure failure = resilience::Failure::no_endpoint;  // or breaker_open
  Duration retry_after{};
};

// What operators see; a copy.
struct EndpointStatus {
  policy::Endpoint facts;
  std::string health;  // healthy, ejected, probing, ramping
  Duration ejected_for{};
  std::uint32_t outstanding = 0;
  Duration latency{};  // peak EWMA
  double error_rate = 0;
  std::uint64_t ejections = 0;
};
struct BreakerStatus {
  std::string version;
  resilience::BreakerState state = resilience::BreakerState::closed;
};
struct ClusterStatus {
  std::string name;
  std::vector<EndpointStatus> endpoints;
  std::vector<BreakerStatus> breakers;
  resilience::LatencyView latency;
  double retry_tokens = 0;
  std::uint32_t concurrent = 0;
  std::uint32_t waiting = 0;
};

class Cluster : public std::enable_shared_from_this<Cluster> {
 public:
  // `zone` is our own, for zone preference. `policy` has passed config's checks.
  static std::shared_ptr<Cluster> make(const policy::Upstream& policy, std::string zone,
                                       std::uint64_t seed, Instant now);
  ~Cluster();

  // Takes a new policy over; endpoints whose facts are unchanged keep what was learned of them.
  void apply(const policy::Upstream& policy, Instant now);

  // For a first attempt: asks the version's breaker, chooses an endpoint, counts a first attempt
  // for the retry tokens.
  std::expected<Lease, PickRefusal> pick(const PickRequest& request, Instant now);
  // For the second attempt, after may_fail_over() and take_token(): does not ask the breaker's
  // window twice for one exchange, never gives `exclude`.
  std::expected<Lease, PickRefusal> pick_second(const PickRequest& request, Instant now);
  bool has_alternative(const PickRequest& request, Instant now);
  bool take_token(Instant now);

  // What the upstream's latencies have lately been; zero while unknown.
  resilience::LatencyView latency(Instant now);
  Bulkhead& bulkhead();
  ClusterStatus status(Instant now);

  // The endpoints of the policy in force; connections to others are not needed any more.
  std::vector<std::uint64_t> endpoint_ids();
  // True when some endpoint is of that version.
  bool has_version(std::string_view version);

 private:
  friend class Lease;
  struct State;
  Cluster();
  std::unique_ptr<State> state_;
};

}  // namespace weir::cluster
