// One worker's connections to the endpoints, busy and idle.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "weir/cluster/endpoint.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/approach.h"
#include "weir/upstream/h1_pool.h"
#include "weir/upstream/h2_pool.h"
#include "weir/upstream/negotiation.h"
#include "weir/upstream/pool_services.h"
#include "weir/upstream/wire.h"

namespace weir::upstream {

// The connections to one endpoint, whatever they speak: one limit holds for all of them, and all
// are made with the same credentials.
class Pool final : private Negotiation::Owner {
 public:
  Pool(PoolServices& services, const Approach& approach);

  H1Pool& h1() { return h1_; }
  H2Pool& h2() { return h2_; }
  std::size_t size() const { return h1_.size() + h2_.size(); }
  // Closes what is idle, now and from now on.
  void retire();

  // Of the configuration that it follows.
  std::uint64_t generation() const { return generation_; }
  // Takes over what a newer configuration says. Connections that were made with other credentials
  // carry no further requests.
  void follow(const Approach& approach);
  // Counts changes of the credentials, so that a connection can be told that was begun before.
  std::uint32_t epoch() const { return epoch_; }
  bool secured() const { return tls_ != nullptr; }
  // A new connection's, with the credentials in force.
  net::Target target(const Ends& ends, Wire wire) const;
  // Whether policy lets one more connection be made. Where only idle ones stand in the way, one is
  // closed: it may have ends that nobody asks for any more.
  bool make_room(const policy::Pool& policy);

  // Of an endpoint that chooses: what its connections speak, or the last one did; nullopt when only
  // a new one can tell.
  std::optional<Wire> spoken() const;
  // Waits until spoken() is known.
  void negotiate(Negotiation::Waiter& waiter, const net::Target& target,
                 const policy::Pool& policy);
  void stop_waiting(Negotiation::Waiter& waiter);
  const Negotiation& negotiation() const { return negotiation_; }
  // A connection that was offered both versions has agreed upon HTTP/1.1.
  void remember_h1() { remembered_ = Wire::http_1_1; }

 private:
  void on_connection(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;

  PoolServices& services_;
  std::string upstream_;  // names it in the recorder
  std::shared_ptr<const net::TlsClient> tls_;
  std::uint64_t generation_;
  std::uint32_t epoch_ = 0;
  H1Pool h1_;
  H2Pool h2_;
  Negotiation negotiation_;
  std::uint32_t negotiated_in_ = 0;  // the epoch in which it began
  Ends negotiated_for_;
  policy::Pool policy_;  // of what is negotiated
  std::optional<Wire> remembered_;
};

// Every call has been released before the pools are destroyed.
class Pools final {
 public:
  Pools(Scheduler& scheduler, net::Connector& connector, Random& random,
        telemetry::Recorder& recorder);

  // The pool follows `approach` where that is newer than what it knows.
  Pool& of(const cluster::Endpoint& endpoint, const Approach& approach);
  net::Connector& connector() { return services_.connector; }
  Scheduler& scheduler() { return services_.scheduler; }
  telemetry::Recorder& recorder() { return services_.recorder; }
  // Closes the idle connections of every endpoint that is not in `ids`, and forgets pools that
  // have become empty.
  void retain(const std::unordered_set<std::uint64_t>& ids);
  // The same for one endpoint, which is not wanted any more.
  void forget(std::uint64_t endpoint_id);
  void close_idle() { retain({}); }
  std::size_t connections() const;

 private:
  Graveyard<H1Connection> h1_graveyard_;
  Graveyard<H2Connection> h2_graveyard_;
  PoolServices services_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Pool>> pools_;
};

}  // namespace weir::upstream
