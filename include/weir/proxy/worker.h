// One event loop's share of the proxy: its connections, pools and exchanges. Shares nothing with
// other workers but clusters, and is reached from other threads only through its mailbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/intrusive.h"
#include "weir/base/mailbox.h"
#include "weir/base/random.h"
#include "weir/base/scheduler.h"
#include "weir/downstream/connection.h"
#include "weir/net/arrival.h"
#include "weir/proxy/entrance.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/health_checker.h"
#include "weir/proxy/held_permits.h"
#include "weir/proxy/pass_through.h"
#include "weir/proxy/snapshot.h"
#include "weir/proxy/tunnel.h"
#include "weir/telemetry/record.h"
#include "weir/upstream/pool.h"

namespace weir::proxy {

// What holds for the process, whatever worker it happens on.
struct ProcessCounts {
  Correlation correlation;
  std::atomic<std::uint32_t> inbound_connections{0};
  std::atomic<std::uint32_t> outbound_connections{0};
  std::atomic<std::uint32_t>& connections(telemetry::Direction direction) {
    return direction == telemetry::Direction::inbound ? inbound_connections : outbound_connections;
  }
};

// By which of our listeners a connection came.
struct Doorway {
  telemetry::Direction direction{};
  // One of outbound.tcp, by the address that policy gives it; none: the direction's own listener.
  std::optional<Address> tcp{};

  auto operator<=>(const Doorway&) const = default;
};

// An exchange or a tunnel as operators see it; a copy.
struct ExchangeStatus {
  telemetry::Direction direction{};
  std::string method;
  std::string authority;
  std::string path;
  std::string route;
  Duration age{};
  Duration budget_left{};
  std::size_t attempts = 0;
};

class Worker final : private ExchangeOwner, private EntranceOwner, private TunnelOwner {
 public:
  // Everything referred to outlives the worker. `counts` is shared by all workers.
  Worker(Scheduler& scheduler, Mailbox& mailbox, net::Connector& connector,
         telemetry::Recorder& recorder, ProcessCounts& counts, std::uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;

  // From now on requests follow `snapshot`; those in progress keep theirs.
  void apply(std::shared_ptr<const Snapshot> snapshot);
  // From one of the listeners. Beyond the connection limit it is reset.
  void accept(const Doorway& doorway, net::Arrival arrival);
  // The same in plain text, when nothing else has to be known of it.
  void accept(const Doorway& doorway, std::unique_ptr<net::Transport> transport);
  // One that was intercepted and is not HTTP.
  void accept_tunnel(Admitted caller);
  // From now on this worker asks the endpoints of upstreams with a health check; one per process.
  void check_health();
  // Closes idle connections and announces the end on the others; `drained` is called once, from the
  // loop's top level, when none is left.
  void drain(std::function<void()> drained);

  std::size_t exchanges() const { return exchange_count_; }
  std::size_t tunnels() const { return tunnel_count_; }
  std::vector<ExchangeStatus> status(std::size_t limit) const;  // at most; the oldest first

 private:
  // The requests of one listener.
  class Door final : public downstream::Handler, public downstream::ConnectionOwner {
   public:
    Door(Worker& worker, telemetry::Direction direction) : worker_(worker), direction_(direction) {}
    void on_request(downstream::Stream& stream) override;
    void on_malformed(std::string_view reason) override;
    void on_request_timeout() override;
    void on_flood(codec::H2Flood flood) override;
    void on_closed(downstream::Connection& connection, net::Closed reason) override;
    List<downstream::Connection> connections;

   private:
    Worker& worker_;
    telemetry::Direction direction_;
  };

  void on_ended(Exchange& exchange) override;
  void on_ended(Tunnel& tunnel, net::Closed reason) override;
  void on_served(Admitted caller) override;
  void on_tunnelled(Admitted caller) override;
  void on_turned_away(telemetry::Direction direction, net::Closed reason) override;
  // Counts a connection in, unless there are too many or nobody listens there any more.
  const CompiledListener* let_in(telemetry::Direction direction);
  void count_out(telemetry::Direction direction, net::Closed reason);
  void take_in(const Doorway& doorway, std::unique_ptr<net::Transport> transport);
  void begin_tunnel(Admitted caller, TunnelPlan plan);
  TunnelPlan inbound_plan(const Admitted& caller);
  TunnelPlan outbound_plan(const Admitted& caller);
  TunnelPlan tcp_plan(const Address& listen) const;
  void end_what_is_not_believed(const Snapshot& before);
  void announce_if_drained();

  Scheduler& scheduler_;
  telemetry::Recorder& recorder_;
  ProcessCounts& counts_;
  Random random_;
  upstream::Pools pools_;
  PassThrough pass_through_;
  PassThrough inbound_pass_through_;
  HeldPermits held_permits_{scheduler_};
  Services services_;
  Entrance entrance_;
  RelaySpace relay_space_;
  std::optional<HealthChecker> health_;
  Door inbound_{*this, telemetry::Direction::inbound};
  Door outbound_{*this, telemetry::Direction::outbound};
  upstream::Graveyard<downstream::Connection> dead_connections_;
  upstream::Graveyard<Exchange> dead_exchanges_;
  upstream::Graveyard<Tunnel> dead_tunnels_;
  std::shared_ptr<const Snapshot> snapshot_;
  List<Exchange> exchanges_;
  List<Tunnel> tunnels_;
  std::vector<Address> own_listeners_;
  std::size_t connection_count_ = 0;  // those at the entrance and in tunnels included
  std::size_t exchange_count_ = 0;
  std::size_t tunnel_count_ = 0;
  std::optional<Instant> drain_until_;  // for tunnels, which have no end of their own
  std::function<void()> drained_;
};

}  // namespace weir::proxy
