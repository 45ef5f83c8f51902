// Opaque TCP: a connection that goes on as it came, to an instance that takes it.
//
// One coroutine lives it, as an exchange is lived: admit, pick, connect, relay, record. A connect
// failure, or an instance that breaks the connection before a byte has moved, is followed by the
// one failover to another instance, by the rules, the pause and the tokens that hold for exchanges,
// within `connect_budget`. Then bytes move (tunnel_relay.h) until both sides have ended, one has
// broken, nothing has moved for `idle`, or `maximum_age` is reached.
//
// The cluster hears of a connect as of a response, after the instance's first byte or a second of
// patience; one that breaks the connection before that has failed, and what happens later says
// nothing of the instance. A tunnel is load there until it ends. A caller who breaks the connection
// is noticed before there is an instance, too; whose tunnel ends other than in order is reset.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/intrusive.h"
#include "weir/base/recycle.h"
#include "weir/base/signal.h"
#include "weir/base/task.h"
#include "weir/cluster/bulkhead.h"
#include "weir/net/transport.h"
#include "weir/policy/interception.h"
#include "weir/proxy/destination.h"
#include "weir/proxy/entrance.h"
#include "weir/proxy/services.h"
#include "weir/proxy/tunnel_relay.h"
#include "weir/resilience/outcome.h"
#include "weir/telemetry/record.h"
#include "weir/upstream/pool.h"

namespace weir::proxy {

class Tunnel;

class TunnelOwner {
 public:
  // It has been recorded; destroy it from the loop's top level.
  virtual void on_ended(Tunnel& tunnel, net::Closed reason) = 0;

 protected:
  ~TunnelOwner() = default;
};

// Where a tunnel leads and how long it may last.
struct TunnelPlan {
  std::shared_ptr<const CompiledRoute> route;                   // null: nowhere
  resilience::Failure nowhere = resilience::Failure::no_route;  // why
  policy::Tunnel limits;
  std::uint64_t generation = 0;          // of the snapshot that the route belongs to
  std::optional<upstream::Ends> ends{};  // in place of the destination's own
};

class Tunnel final : public Recycled, public Listed, private net::ConnectEvents {
 public:
  // In which an instance that is connected may still prove to be none.
  static constexpr Duration probation = std::chrono::seconds{1};
  // How often within the idle limit it is looked whether something has moved.
  static constexpr int idle_looks = 4;

  Tunnel(const Services& services, RelaySpace& space, TunnelOwner& owner, Admitted caller,
         TunnelPlan plan);
  virtual ~Tunnel();

  void start();
  // Ends in order if it can, at the latest at `latest`.
  void drain(Instant latest);

  // For the admin page.
  telemetry::Direction direction() const { return record_.direction; }
  const std::optional<Address>& destination() const { return destination_; }
  std::string_view upstream() const;
  Instant began() const { return began_; }
  std::size_t attempts() const { return record_.attempt_count; }

 private:
  enum class Phase : std::uint8_t { connecting, relaying, pausing, over };
  enum class Patience : std::uint8_t { connect, handshake };

  Task live();
  void enter_bulkhead();
  bool waiting_for_permit();
  void begin_first_attempt();
  void launch(cluster::Lease lease);
  bool going_on();
  void judge_connecting();
  resilience::Failure lose_patience();
  void judge_relay();
  void begin_relay();
  void begin_pause();
  void judge_pause();
  bool left_by_caller();
  bool fail_over(resilience::Failure failure);
  resilience::Refusal refusal_of(resilience::Failure failure,
                                 const cluster::Lease* alternative) const;
  void end_attempt(resilience::Failure failure);
  void prove();
  void conclude_attempt(resilience::Failure failure);
  void let_go(net::Closed reason);
  void fail(resilience::Failure failure);
  void end(telemetry::TunnelEnd how, resilience::Failure failure);
  void watch_idle();
  void record();

  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;

  const Services& services_;
  TunnelOwner& owner_;
  TunnelPlan plan_;
  std::optional<Address> destination_;
  std::string server_name_;
  bool speaks_tls_;
  Address peer_;
  Signal signal_;
  Task life_;

  Instant began_;
  Timer budget_timer_{signal_};   // for connecting, all attempts together
  Timer attempt_timer_{signal_};  // for connecting, then the handshake of TLS, then the probation
  Timer pause_timer_{signal_};    // before the failover
  Timer idle_timer_{signal_};
  Timer age_timer_{signal_};
  Timer drain_timer_{signal_};

  cluster::Permit permit_;
  std::optional<cluster::Waiter> waiter_;
  cluster::Lease lease_;
  cluster::Lease earlier_;          // of the first attempt: the record names its endpoint
  upstream::Pool* pool_ = nullptr;  // in which a place is taken
  std::unique_ptr<net::Connecting> connecting_;
  std::unique_ptr<net::Transport> connected_;
  net::ConnectError connect_error_ = net::ConnectError::none;
  Instant attempt_began_{};
  TunnelRelay relay_;
  std::uint64_t idle_mark_ = 0;  // the relay's progress when the idle timer was armed
  int quiet_ = 0;                // looks in a row at which nothing had moved
  Phase phase_ = Phase::connecting;
  Patience patience_ = Patience::connect;
  telemetry::Record record_;
};

}  // namespace weir::proxy
