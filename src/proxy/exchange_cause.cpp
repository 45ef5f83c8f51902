// What crosses the application: an inbound exchange enters itself as a cause, an outbound one looks
// for its own and inherits from it.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "weir/proxy/ancestry.h"
#include "weir/proxy/exchange.h"
#include "weir/resilience/failover.h"
#include "weir/telemetry/cause_source.h"

namespace weir::proxy {

using resilience::BudgetSource;
using resilience::Failure;
using telemetry::CauseSource;
using telemetry::Direction;

namespace {
// How many milliseconds the callee may still fail over; the caller does not meanwhile.
constexpr std::string_view patience_field = "weir-failover-ms";
}  // namespace

void Exchange::find_causes() {
  if (listener_.direction != Direction::outbound) return;
  http::Fields& fields = stream_.head().fields;
  if (listener_.policy->trusted && policy().correlate == policy::Correlate::on) {
    causes_.find(read_ancestry(fields), services_.scheduler.now());
  }
  remove_cause(fields);
  record_.cause = causes_.source();
  if (causes_.source() == CauseSource::none) return;
  failover_until_ = causes_.failover_until();
  if (causes_.marked_as_retry()) {
    marked_as_retry_ = true;
    fields.set(http::Name::weir_attempt, "2");
  }
  if (!causes_.criticality().empty() && !fields.contains(http::Name::weir_criticality)) {
    fields.add(http::Name::weir_criticality, causes_.criticality());
  }
  agree_on_version();
}

// A split by chance is thrown once per request of the user, not once per call.
void Exchange::agree_on_version() {
  if (version_.empty()) return;
  const ShortText agreed = causes_.agree(policy().name, version_);
  const auto& endpoints = route_->to.upstream->endpoints;
  const auto spelled = std::ranges::find(endpoints, agreed.view(), &policy::Endpoint::version);
  // After a reload it may be gone.
  if (spelled != endpoints.end()) version_ = spelled->version;
}

std::optional<resilience::Inherited> Exchange::inherited() const {
  if (causes_.deadline().is_none()) return std::nullopt;
  // The margin is the application's: to answer with what it has when this call has failed.
  const Duration left = causes_.deadline().instant() - listener_.margin - began_;
  const bool exact = causes_.source() == CauseSource::exact;
  return resilience::Inherited{left, exact ? BudgetSource::exact : BudgetSource::trace};
}

// From a caller whom we believe; the application shall not see it.
void Exchange::read_patience() {
  http::Fields& fields = stream_.head().fields;
  caller_is_weir_ = listener_.policy->trusted && fields.contains(http::Name::weir_budget_ms);
  const auto text = fields.find(patience_field);
  if (!text) return;
  std::uint32_t patience_ms = 0;  // also where it is malformed
  std::from_chars(text->data(), text->data() + text->size(), patience_ms);
  if (listener_.policy->trusted) {
    failover_until_ = resilience::Deadline::after(began_, std::chrono::milliseconds{patience_ms});
  }
  fields.remove(patience_field);
}

void Exchange::enter_correlation() {
  if (listener_.direction != Direction::inbound) return;
  http::Fields& fields = stream_.head().fields;
  read_patience();
  const Ancestry ancestry = adopt_ancestry(fields, *listener_.policy, services_.random);
  const auto criticality = fields.find(http::Name::weir_criticality).value_or("");
  inbound_.enter(services_.correlator, ancestry,
                 {deadline_, marked_as_retry_, failover_until_, ShortText{criticality}});
  if (inbound_.entered()) write_cause(fields, inbound_.id());
}

// What our caller does not wait for any more nobody below needs to finish; but what we finish
// though he has gone is finished with all that belongs to it.
void Exchange::leave_correlation() {
  const bool gone = failure_ == Failure::deadline_passed ||
                    (failure_ == Failure::caller_gone && cancels_when_gone());
  inbound_.leave(gone ? InboundRequest::End::gone : InboundRequest::End::completed,
                 services_.scheduler.now());
}

// Our own, or everybody whose request may have caused this one.
bool Exchange::caller_gone() const {
  return stream_.caller() == downstream::Caller::gone || causes_.gone();
}

// Here, or by a call that we caused.
bool Exchange::failover_spent() const { return attempts_made_ > 1 || inbound_.failover_spent(); }

// The caller must know before it loses patience with us, not only with our answer.
void Exchange::tell_of_spent_failover() {
  if (!caller_is_weir_ || spent_was_told_ || chosen_ || !inbound_.failover_spent()) return;
  spent_was_told_ = true;
  http::ResponseHead told;
  told.status = 102;
  told.reason = "Processing";
  told.fields.add(http::Name::weir_failover, "spent");
  stream_.inform(told);
}

// An interim response that is meant for us: it goes on as ours, to whoever caused this call.
bool Exchange::told_of_spent_failover(Slot slot) {
  if (!resilience::failover_spent_below(attempts_[slot]->response().fields)) return false;
  spent_below_[slot] = true;
  causes_.spend();
  return true;
}

// How long our caller will not try elsewhere, less the margin in which it hears of what we do.
Duration Exchange::patience_left() const {
  if (failover_until_.is_none()) return Duration::max();
  return std::max(Duration::zero(),
                  failover_until_.left(services_.scheduler.now()) - listener_.margin);
}

// Only one tier at a time may fail over: those below until we would, or our caller.
void Exchange::mark_patience(Slot slot) {
  http::Fields& fields = stream_.head().fields;
  fields.remove(patience_field);
  Duration left = patience_left();
  for (const Timer* timer : {&attempt_timer_, &hedge_timer_}) {
    if (timer->armed()) left = std::min(left, timer->due() - services_.scheduler.now());
  }
  // The application is not told, and a second attempt is marked as a retry, which says more.
  const bool inbound = listener_.direction == Direction::inbound;
  if (inbound || slot != first || left == Duration::max()) return;
  fields.add(patience_field, fmt::format_int{whole_milliseconds(left)}.c_str());
}

}  // namespace weir::proxy
