// One worker's connections to the endpoints, busy and idle.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "weir/base/random.h"
#include "weir/base/scheduler.h"
#include "weir/cluster/endpoint.h"
#include "weir/net/transport.h"
#include "weir/policy/upstream.h"
#include "weir/telemetry/record.h"
#include "weir/upstream/h1_connection.h"

namespace weir::upstream {

// Connections that closed, destroyed from the loop's top level.
template <class Connection>
class Graveyard final : private Wakeable {
 public:
  explicit Graveyard(ReadyQueue& ready) : ready_(ready) {}
  ~Graveyard() override { wake(); }
  void bury(Connection& connection) {
    dead_.push_back(connection);
    ready_.schedule(*this);
  }

 private:
  void wake() override {
    dead_.clear_and_dispose([](Connection* connection) { delete connection; });
  }
  ReadyQueue& ready_;
  List<Connection> dead_;
};

// What the pools of one worker share.
struct PoolServices {
  Scheduler& scheduler;
  Random& random;
  telemetry::Recorder& recorder;
  Graveyard<H1Connection> graveyard{scheduler.ready()};
};

// The connections to one endpoint. The most recently used idle one is reused first, so that
// those not needed time out.
class Pool final : private ConnectionOwner {
 public:
  // `upstream` names it in `recorder`.
  Pool(PoolServices& services, std::string upstream);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // An idle connection, or null.
  H1Connection* take_idle();
  // A connection that is being made: it counts, and keeps the pool alive, until adopt() or
  // unreserve().
  void reserve() { ++size_; }
  void unreserve() { --size_; }
  // Makes a connection of a fresh transport that was reserved; it is busy until released.
  H1Connection& adopt(std::unique_ptr<net::Transport> transport, const policy::Pool& policy);
  std::size_t size() const { return size_; }
  // Closes what is idle, now and from now on.
  void retire();

 private:
  void on_idle(H1Connection& connection) override;
  void on_closed(H1Connection& connection, net::Closed reason) override;

  PoolServices& services_;
  std::string upstream_;
  policy::Pool policy_;
  List<H1Connection> busy_;
  List<H1Connection> idle_;
  std::size_t idle_count_ = 0;
  std::size_t size_ = 0;  // busy, idle and reserved
};

class Pools {
 public:
  Pools(Scheduler& scheduler, net::Connector& connector, Random& random,
        telemetry::Recorder& recorder);

  Pool& of(const cluster::Endpoint& endpoint, const policy::Upstream& upstream);
  net::Connector& connector() { return connector_; }
  Scheduler& scheduler() { return services_.scheduler; }
  // Closes the idle connections of every endpoint that is not in `ids`, and forgets pools that
  // have become empty.
  void retain(const std::unordered_set<std::uint64_t>& ids);
  void close_idle();
  std::size_t connections() const;

 private:
  PoolServices services_;
  net::Connector& connector_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Pool>> pools_;
};

}  // namespace weir::upstream
