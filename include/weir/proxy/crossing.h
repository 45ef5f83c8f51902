// What one exchange hands across the application, and what it gets from there.
//
// Inbound, the request enters itself as the cause of the calls that the application will make.
// Outbound, the call looks for its causes and inherits from them: budget, retry mark, criticality,
// version, the caller's going. In both directions one right to fail over is handed down, and the
// news that it is spent is handed up. docs/correlation.md argues the rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/ready_queue.h"
#include "weir/base/time.h"
#include "weir/downstream/stream.h"
#include "weir/proxy/causes.h"
#include "weir/proxy/correlation.h"
#include "weir/proxy/services.h"
#include "weir/proxy/snapshot.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/deadline.h"
#include "weir/resilience/fault_marks.h"

namespace weir::proxy {

class Crossing {
 public:
  // `woken` is scheduled when caller_gone() or failover_spent() has become true by what happened
  // elsewhere. All of these outlive it.
  Crossing(Services& services, downstream::Stream& stream, const CompiledListener& listener,
           Wakeable& woken);

  // The policy that holds for our caller.
  const policy::Listener& terms() const { return terms_; }
  // Outbound, before the route is known: the identity of whoever caused the call, empty where
  // nobody has proved one or several may have. Valid as long as this.
  std::string_view find_caller();

  // Once, when the route is known and before the budget is: reads the marks that came with the
  // request, takes those out that mean nothing to the next, and inherits what the causes of a call
  // hand on. Fields from beyond the trust boundary have been removed before.
  void look_back(const CompiledRoute& route);
  // `off` where nobody looked.
  telemetry::CauseSource source() const { return source_; }
  // What the causes leave to this call; nullopt: nothing limits it.
  std::optional<resilience::Inherited> inherited() const;
  // A split by chance is thrown once per request of the user, not once per call: `version`, or what
  // an earlier call of the same cause was given by this route.
  std::string_view agree_on_version(const CompiledRoute& route, std::string_view version);

  // Inbound: from now on the application's calls find this request. At the edge, in either
  // direction, the trace that came is replaced by a fresh one.
  void enter(resilience::Deadline deadline);
  void set_deadline(resilience::Deadline deadline) { inbound_.set_deadline(deadline); }
  void leave(InboundRequest::End end);

  // Our own caller, or everybody whose request may have caused this one.
  bool caller_gone() const;
  // The latter, while our own still waits.
  bool only_causes_gone() const;

  // The request is itself a retry, or belongs to one or to what may be retried.
  bool marked_as_retry() const { return marked_as_retry_ || causes_.superseded(); }
  // By this exchange.
  bool failed_over() const { return spent_ == Spent::here; }
  // By this exchange, or by somebody below it.
  bool failover_spent() const { return spent_ != Spent::no || inbound_.failover_spent(); }
  // Our caller has not lost its patience yet, and cannot before it hears that we have; nor has
  // anybody above been told of an error meanwhile.
  bool may_still_fail_over() const {
    return !causes_.superseded() && patience_left() > Duration::zero();
  }
  // This exchange makes a second attempt after one that may have been processed: tells those above.
  void fail_over();
  // The head of a response, interim or final. True when it says that somebody below has failed
  // over; those above are told.
  bool heard_of_failover(const http::Fields& response);
  // The caller must know before it loses patience with us, not only with our answer.
  void tell_of_spent_failover();

  // Outbound: the call has failed, and so may the request that caused it.
  void tell_of_failure() { causes_.fail(); }
  // Inbound: an error of the application after a call of its own has failed is not its fault.
  void judge(resilience::Outcome& outcome) const;
  // What our caller is told of a response that is an error, in its head or its trailers.
  void mark_error(http::Fields& response) const;
  // The same of an error that is ours; `processed`: whether the application may have seen it.
  resilience::FaultMarks marks_of(resilience::Failure failure,
                                  resilience::Processed processed) const;

  // How long our caller will not try elsewhere, less the margin in which it hears of what we do.
  Duration patience_left() const;
  // Only one tier at a time may fail over: those below may until we would, in `next_attempt_in`, or
  // our caller. The application is not told.
  void write_patience(Duration next_attempt_in);
  void remove_patience();

 private:
  // What a caller that is a weir itself is told by `102`.
  enum class Caller : std::uint8_t { plain, listens, told };
  enum class Spent : std::uint8_t { no, below, here };

  void read_patience();
  void inherit();
  http::Fields& fields() const { return stream_.head().fields; }
  bool inbound() const { return listener_.direction == telemetry::Direction::inbound; }

  Services& services_;
  downstream::Stream& stream_;
  const CompiledListener& listener_;
  const policy::Listener& terms_;
  InboundRequest inbound_;  // inbound: what our calls are caused by
  Causes causes_;           // outbound: what caused this one
  bool looked_for_causes_ = false;
  telemetry::CauseSource source_ = telemetry::CauseSource::none;
  bool marked_as_retry_ = false;
  Caller caller_ = Caller::plain;
  Spent spent_ = Spent::no;
  resilience::Deadline failover_until_ = resilience::Deadline::none();
};

}  // namespace weir::proxy
