// What crosses the application: an inbound exchange enters itself as a cause, an outbound one looks
// for its own and inherits from it.

#include <algorithm>

#include "weir/proxy/ancestry.h"
#include "weir/proxy/exchange.h"
#include "weir/telemetry/cause_source.h"

namespace weir::proxy {

using resilience::BudgetSource;
using resilience::Failure;
using telemetry::CauseSource;
using telemetry::Direction;

void Exchange::find_causes() {
  if (listener_.direction != Direction::outbound) return;
  http::Fields& fields = stream_.head().fields;
  if (listener_.policy->trusted && policy().correlate == policy::Correlate::on) {
    causes_.find(read_ancestry(fields), services_.scheduler.now());
  }
  remove_cause(fields);
  record_.cause = causes_.source();
  if (causes_.source() == CauseSource::none) return;
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

void Exchange::enter_correlation() {
  if (listener_.direction != Direction::inbound) return;
  http::Fields& fields = stream_.head().fields;
  const Ancestry ancestry = adopt_ancestry(fields, *listener_.policy, services_.random);
  const auto criticality = fields.find(http::Name::weir_criticality).value_or("");
  inbound_.enter(services_.correlator, ancestry,
                 {deadline_, marked_as_retry_, ShortText{criticality}});
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

}  // namespace weir::proxy
