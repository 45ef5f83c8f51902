// Between accept() and the first request or the tunnel: who wants in, and as what.
//
//   arrived     --(way_in)------------------> recognising, securing, or let in at once
//   recognising --(a greeting, way_after)---> securing, or let in
//   securing    --(secured, way_secured)----> let in
//   any         --(loop, handshake failed or too slow, gone, too many)--> turned away
//
// What is let in is a caller to be served or one to be tunnelled. A listener that is explicit and
// plain never comes here. At most `most_waiting` are on the way in at once: one more, and whoever
// has waited longest has to go, so that those who dawdle stand in nobody's way. Each waits no
// longer than the policy of its listener says; while draining no longer than a second.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/scheduler.h"
#include "weir/net/arrival.h"
#include "weir/net/closed.h"
#include "weir/proxy/snapshot.h"
#include "weir/proxy/way_in.h"
#include "weir/telemetry/record.h"

namespace weir::proxy {

// A caller that has been let in.
struct Admitted {
  telemetry::Direction direction{};
  std::unique_ptr<net::Transport> transport{};
  std::optional<Address> destination{};  // of an intercepted connection
  std::string server_name{};             // as the caller's TLS says that we pass through
  bool speaks_tls = false;               // what goes through is TLS already
  std::shared_ptr<const net::TlsServer> secured_by{};  // null: plain text, or not terminated
};

class EntranceOwner {
 public:
  virtual void on_served(Admitted caller) = 0;
  virtual void on_tunnelled(Admitted caller) = 0;
  // It has been closed already.
  virtual void on_turned_away(telemetry::Direction direction, net::Closed reason) = 0;

 protected:
  ~EntranceOwner() = default;
};

class Entrance {
 public:
  static constexpr std::size_t most_waiting = 1024;  // of about 45 KiB each

  Entrance(Scheduler& scheduler, telemetry::Recorder& recorder, EntranceOwner& owner);
  ~Entrance();

  // The owner hears of it exactly once, maybe from within. `own_listeners`: as way_in() wants them.
  void enter(telemetry::Direction direction, net::Arrival arrival,
             std::shared_ptr<const Snapshot> snapshot, std::span<const Address> own_listeners);
  void drain();
  std::size_t waiting() const { return waiting_; }

 private:
  class Guest;
  struct Guests;

  // Lets a connection in that is no guest any more, or turns it away.
  void decide(Way way, Admitted caller, net::Arrival arrival);
  void turn_away(telemetry::Direction direction, std::string_view reason, net::Closed closed);
  bool make_room();
  void remove(Guest& guest);
  void report_loop(telemetry::Direction direction, const Approach& approach);

  Scheduler& scheduler_;
  telemetry::Recorder& recorder_;
  EntranceOwner& owner_;
  std::unique_ptr<Guests> guests_;
  std::size_t waiting_ = 0;
  bool draining_ = false;
  bool loop_reported_ = false;
};

}  // namespace weir::proxy
