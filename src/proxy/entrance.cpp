#include "weir/proxy/entrance.h"

#include <algorithm>
#include <utility>

#include "weir/base/intrusive.h"
#include "weir/base/log.h"
#include "weir/base/recycle.h"
#include "weir/downstream/connection.h"
#include "weir/upstream/graveyard.h"

namespace weir::proxy {
// One connection on its way in. What it hears of is acted upon in wake(), when nobody who told it
// is on the stack any more.
class Entrance::Guest final : public Listed,
                              public Recycled,
                              private net::GreetingEvents,
                              private net::TlsAcceptEvents,
                              private Wakeable {
 public:
  Guest(Entrance& entrance, Admitted caller, net::Arrival arrival,
        std::shared_ptr<const Snapshot> snapshot)
      : entrance_(entrance),
        caller_(std::move(caller)),
        arrival_(std::move(arrival)),
        snapshot_(std::move(snapshot)) {}

  void begin(Way way) {
    if (way == Way::secure) return secure();
    recognition_ =
        net::Recognition::start(arrival_, patience(threshold(), caller_.destination), *this);
  }
  bool about_to_move() const { return Wakeable::is_linked(); }
  void give_way() {
    entrance_.recorder_.connection_refused(caller_.direction, "overload");
    turn_away(net::Closed::overload);
  }
  void hurry() {
    const Instant latest = entrance_.scheduler_.now() + downstream::drain_grace;
    if (!timer_.armed() || timer_.due() > latest) entrance_.scheduler_.arm(timer_, latest);
  }

 private:
  void on_greeting(net::Greeting greeting) override {
    greeting_ = std::move(greeting);
    entrance_.scheduler_.schedule(*this);
  }
  void on_secured(std::unique_ptr<net::Transport> transport, net::TlsError error) override {
    caller_.transport = std::move(transport);
    error_ = error;
    entrance_.scheduler_.schedule(*this);
  }

  void wake() override {
    if (greeting_) return on_recognised();
    if (error_) return on_handshake();
    if (timer_.fired()) on_timeout();
  }

  void on_recognised() {
    const net::Greeting greeting = *std::exchange(greeting_, std::nullopt);
    recognition_.reset();
    entrance_.recorder_.connection_detected(caller_.direction, name_of(greeting.kind));
    const Way way = way_after(threshold(), caller_.destination, greeting.kind);
    if (way == Way::secure) return secure();
    caller_.server_name = greeting.server_name;
    caller_.speaks_tls = greeting.kind == net::Greeting::Kind::tls;
    leave(way);
  }

  void secure() {
    const auto& tls = snapshot_->listener(caller_.direction)->tls;
    caller_.secured_by = tls;
    entrance_.scheduler_.arm_in(timer_, threshold().inbound->tls.handshake_timeout);
    securing_ = net::accept_tls(std::move(arrival_), tls, *this);
    if (entrance_.draining_) hurry();
  }

  void on_handshake() {
    securing_.reset();
    telemetry::Recorder& recorder = entrance_.recorder_;
    if (*error_ == net::TlsError::none) {
      recorder.tls_established(caller_.direction, *caller_.transport->tls());
      return leave(way_secured(threshold(), caller_.destination));
    }
    recorder.tls_failed(caller_.direction, net::name_of(*error_));
    turn_away(net::Closed::error);
  }

  void on_timeout() {
    if (securing_) {
      entrance_.recorder_.tls_failed(caller_.direction, net::name_of(net::TlsError::timeout));
    }
    turn_away(entrance_.draining_ ? net::Closed::drain : net::Closed::timeout);
  }

  void turn_away(net::Closed reason) {
    const telemetry::Direction direction = caller_.direction;
    Entrance& entrance = entrance_;
    entrance.remove(*this);
    entrance.owner_.on_turned_away(direction, reason);
  }

  void leave(Way way) {
    Entrance& entrance = entrance_;
    Admitted caller = std::move(caller_);
    net::Arrival arrival = std::move(arrival_);
    entrance.remove(*this);
    entrance.decide(way, std::move(caller), std::move(arrival));
  }

  Threshold threshold() const { return Threshold::of(snapshot_->service, caller_.direction); }

  Entrance& entrance_;
  Admitted caller_;
  net::Arrival arrival_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<net::Recognition> recognition_;
  std::unique_ptr<net::Connecting> securing_;
  std::optional<net::Greeting> greeting_;
  std::optional<net::TlsError> error_;
  Timer timer_{*this};
};

struct Entrance::Guests {
  explicit Guests(ReadyQueue& ready) : dead(ready) {}
  ~Guests() {
    waiting.clear_and_dispose([](Guest* guest) { delete guest; });
  }
  upstream::Graveyard<Guest> dead;
  List<Guest> waiting;
};

Entrance::Entrance(Scheduler& scheduler, telemetry::Recorder& recorder, EntranceOwner& owner)
    : scheduler_(scheduler),
      recorder_(recorder),
      owner_(owner),
      guests_(std::make_unique<Guests>(scheduler.ready())) {}

Entrance::~Entrance() = default;

void Entrance::enter(telemetry::Direction direction, net::Arrival arrival,
                     std::shared_ptr<const Snapshot> snapshot,
                     std::span<const Address> own_listeners) {
  const Threshold threshold = Threshold::of(snapshot->service, direction);
  Approach approach{.peer = arrival.peer(), .local = {}, .destination = {}};
  if (threshold.intercepts()) {
    approach.local = arrival.local();
    approach.destination = arrival.original_destination();
    // TPROXY changes no address. What has come to the listener itself shows one of ours either way.
    if (!approach.destination && threshold.inbound != nullptr) {
      approach.destination = approach.local;
    }
  }
  Admitted caller{.direction = direction, .destination = approach.destination};
  const Way way = way_in(threshold, approach, own_listeners);
  if (way == Way::loop) report_loop(direction, approach);
  if (way != Way::secure && way != Way::recognise) {
    if (way == Way::tunnel) recorder_.connection_detected(direction, "port");
    return decide(way, std::move(caller), std::move(arrival));
  }
  if (waiting_ >= most_waiting && !make_room()) {
    return turn_away(direction, "overload", net::Closed::overload);
  }
  auto* guest = new Guest{*this, std::move(caller), std::move(arrival), std::move(snapshot)};
  guests_->waiting.push_back(*guest);
  ++waiting_;
  guest->begin(way);
}

void Entrance::decide(Way way, Admitted caller, net::Arrival arrival) {
  const telemetry::Direction direction = caller.direction;
  switch (way) {
    case Way::loop: return turn_away(direction, "loop", net::Closed::error);
    case Way::unauthorized: return turn_away(direction, "unauthorized", net::Closed::error);
    case Way::gone: return owner_.on_turned_away(direction, net::Closed::peer);
    default: break;
  }
  if (!caller.transport) caller.transport = std::move(arrival).plain();
  if (!caller.transport) return owner_.on_turned_away(direction, net::Closed::overload);
  if (way == Way::tunnel) {
    owner_.on_tunnelled(std::move(caller));
  } else {
    owner_.on_served(std::move(caller));
  }
}

void Entrance::turn_away(telemetry::Direction direction, std::string_view reason,
                         net::Closed closed) {
  recorder_.connection_refused(direction, reason);
  owner_.on_turned_away(direction, closed);
}

bool Entrance::make_room() {
  for (Guest& guest : guests_->waiting) {
    if (guest.about_to_move()) continue;
    guest.give_way();
    return true;
  }
  return false;
}

void Entrance::remove(Guest& guest) {
  guest.unlist();
  --waiting_;
  guests_->dead.bury(guest);
}

// Once: whoever loops loops often.
void Entrance::report_loop(telemetry::Direction direction, const Approach& approach) {
  if (std::exchange(loop_reported_, true)) return;
  log::warn("refused a connection that no rule of interception has sent here",
            {{"direction", telemetry::name_of(direction)},
             {"from", approach.peer.text()},
             {"destination", approach.destination ? approach.destination->text() : "none"}});
}

void Entrance::drain() {
  draining_ = true;
  for (Guest& guest : guests_->waiting) guest.hurry();
}

}  // namespace weir::proxy
