// A request and its response: the biography that everything else serves.
//
// One coroutine lives it through: identify, route, budget, admit, pick, attempt, judge, relay,
// respond, record. What happens meanwhile rings one Signal, after which judge() looks at everything
// in a fixed order. Bodies move beside it in two pipes. Destroying the exchange cancels it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "weir/base/intrusive.h"
#include "weir/base/recycle.h"
#include "weir/base/signal.h"
#include "weir/base/task.h"
#include "weir/downstream/stream.h"
#include "weir/proxy/crossing.h"
#include "weir/proxy/local_reply.h"
#include "weir/proxy/pipe.h"
#include "weir/proxy/replay.h"
#include "weir/proxy/services.h"
#include "weir/proxy/snapshot.h"
#include "weir/proxy/trailers.h"
#include "weir/resilience/deadline.h"
#include "weir/resilience/grpc.h"
#include "weir/upstream/attempt.h"

namespace weir::proxy {

class Exchange final : public Recycled, public Listed, private MarkedTrailers::Marker {
 public:
  Exchange(Services& services, downstream::Stream& stream, std::shared_ptr<const Snapshot> snapshot,
           const CompiledListener& listener);

  void start();

  // For the admin page.
  const http::RequestHead& request() const { return stream_.head(); }
  telemetry::Direction direction() const { return listener_.direction; }
  std::string_view route() const;
  Instant began() const { return began_; }
  Duration budget_left(Instant now) const { return deadline_.left(now); }
  std::size_t attempts() const { return record_.attempt_count; }

 private:
  enum Slot : std::uint8_t { first, second, fallback, slots };
  enum class Verdict : std::uint8_t { undecided, decided };

  Task live();
  // Before the first attempt; false when the exchange has failed.
  void identify();
  bool authorize();
  bool find_route();
  bool set_budget();
  bool check_body();
  void enter_bulkhead();
  bool waiting_for_permit();
  Instant latest_start() const;  // whoever starts later will not finish in time

  // Attempts.
  void begin_first_attempt();
  void arm_attempt_timers();
  void launch(Slot slot, const Destination& to, cluster::Lease lease,
              upstream::Attempt::Connection connection);
  void send(Slot slot);
  Verdict judge();
  void judge_circumstances();
  void judge_attempt(Slot slot);
  void judge_response(Slot slot);
  void judge_failure(Slot slot);
  bool pauses(Slot slot);
  void begin_request_body(upstream::Attempt& attempt);
  bool fail_over(Slot slot, const resilience::Outcome& outcome);
  resilience::Refusal refusal_of(Slot slot, const resilience::Outcome& outcome,
                                 const cluster::Lease* alternative) const;
  bool repeats(Slot slot) const;
  void on_attempt_limit();
  void hedge();
  bool fall_back();
  bool may_be_repeated() const;
  bool running(Slot slot) const { return is_running(attempts_[slot]); }
  void end_attempt(Slot slot, const resilience::Outcome& outcome);
  void count_unproductive(Slot slot, telemetry::Unproductive reason);
  void fail(resilience::Failure failure) { failure_ = failure; }

  // The way back.
  void respond();
  void relay_response();
  void begin_tunnel(http::Sink& sink);
  void reply_locally();
  bool relaying();
  bool relay_broken();
  void watch_idle();
  void mark_trailers(http::Fields& trailers) override;
  void end_grpc_call();
  void give_back_permit();
  void record();
  void record_attempt_end();
  bool cancels_when_gone() const;
  Duration handed_on() const;
  resilience::Remainder remainder() const;
  resilience::BudgetUse budget_use(const upstream::Attempt& attempt) const;
  bool grpc() const { return call_ == resilience::Call::grpc; }
  const policy::Route& policy() const { return *route_->route; }

  Services& services_;
  downstream::Stream& stream_;
  std::shared_ptr<const Snapshot> snapshot_;
  const CompiledListener& listener_;
  Signal signal_;
  Task life_;
  Instant began_;
  resilience::Deadline deadline_ = resilience::Deadline::none();
  resilience::Deadline budget_end_ = resilience::Deadline::none();  // as granted, for the record
  // attempts_until_: before deadline_ where a fallback has to be delivered. call_end_: as
  // grpc-timeout says, where the budget covers only the way to the response's head.
  resilience::Deadline attempts_until_ = resilience::Deadline::none();
  resilience::Deadline call_end_ = resilience::Deadline::none();
  Timer deadline_timer_{signal_};
  Timer attempt_timer_{signal_};  // the first attempt's own limit
  Timer hedge_timer_{signal_};
  Timer pause_timer_{signal_};  // before what broke is sent elsewhere
  Timer idle_timer_{signal_};

  Crossing crossing_;
  const CompiledRoute* route_ = nullptr;
  std::shared_ptr<const CompiledRoute> passed_;  // the route, where only the destination told it
  std::string_view version_;
  std::uint64_t hash_ = 0;
  resilience::Grant grant_;
  resilience::Call call_ = resilience::Call::plain;
  cluster::Permit permit_;
  std::optional<cluster::Waiter> waiter_;
  std::array<std::optional<upstream::Attempt>, slots> attempts_;
  std::array<cluster::Lease, slots> finished_;  // the record names their endpoints
  std::array<std::uint8_t, slots> records_{};   // index in record_.attempts
  std::optional<Replay> replay_;
  Pipe request_pipe_;
  Pipe response_pipe_;
  std::optional<MarkedTrailers> marked_trailers_;
  http::Sink* response_sink_ = nullptr;  // from respond() on
  std::optional<Slot> chosen_;
  resilience::Outcome judged_;  // of the chosen attempt, by its head
  bool tunnel_ = false;
  resilience::Processed processed_ = resilience::Processed::no;  // by an attempt that has ended
  resilience::Failure failure_ = resilience::Failure::none;
  Duration retry_after_{};
  std::optional<LocalReply> local_;
  std::uint64_t idle_mark_ = 0;  // bytes moved when the idle timer was armed
  downstream::Ending ending_ = downstream::Ending::aborted;
  telemetry::Record record_;
};

}  // namespace weir::proxy
