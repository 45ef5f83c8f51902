#include "weir/proxy/crossing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "weir/proxy/ancestry.h"
#include "weir/resilience/failover.h"
#include "weir/telemetry/cause_source.h"

namespace weir::proxy {
namespace {

// How many milliseconds the callee may still fail over; the caller does not meanwhile.
constexpr http::Name patience_field = http::Name::weir_failover_ms;

}  // namespace

using resilience::BudgetSource;
using resilience::Deadline;
using telemetry::CauseSource;
using Whose = resilience::FaultMarks::Whose;

Crossing::Crossing(Services& services, downstream::Stream& stream, const CompiledListener& listener,
                   Wakeable& woken)
    : services_(services),
      stream_(stream),
      listener_(listener),
      terms_(listener.towards(stream.tls())),
      inbound_(woken),
      causes_(services.correlator, woken) {}

void Crossing::look_back(const CompiledRoute& route) {
  if (terms_.trusted) marked_as_retry_ = resilience::marked_as_retry(fields());
  if (inbound()) return read_patience();
  const bool correlates = terms_.trusted && route.route->correlate == policy::Correlate::on;
  if (!correlates) {
    causes_.release();
    source_ = CauseSource::off;
  } else {
    if (!looked_for_causes_) causes_.find(read_ancestry(fields()), services_.scheduler.now());
    source_ = causes_.source();
  }
  remove_cause(fields());
  if (causes_.source() != CauseSource::none) inherit();
}

std::string_view Crossing::find_caller() {
  if (!terms_.trusted) return {};
  looked_for_causes_ = true;
  causes_.ask_for_caller();
  causes_.find(read_ancestry(fields()), services_.scheduler.now());
  return causes_.caller();
}

void Crossing::inherit() {
  failover_until_ = causes_.failover_until();
  if (causes_.marked_as_retry()) {
    marked_as_retry_ = true;
    fields().set(http::Name::weir_attempt, "2");
  }
  if (!causes_.criticality().empty() && !fields().contains(http::Name::weir_criticality)) {
    fields().add(http::Name::weir_criticality, causes_.criticality());
  }
}

// From a caller whom we believe; the application shall not see it.
void Crossing::read_patience() {
  const bool trusted = terms_.trusted;
  if (trusted && fields().contains(http::Name::weir_budget_ms)) caller_ = Caller::listens;
  const auto text = fields().find(patience_field);
  if (!text) return;
  std::uint32_t patience_ms = 0;  // also where it is malformed
  std::from_chars(text->data(), text->data() + text->size(), patience_ms);
  if (trusted) {
    failover_until_ = Deadline::after(stream_.first_byte(), std::chrono::milliseconds{patience_ms});
  }
  remove_patience();
}

std::optional<resilience::Inherited> Crossing::inherited() const {
  if (causes_.deadline().is_none()) return std::nullopt;
  // The margin is the application's: to answer with what it has when this call has failed.
  const Duration left = causes_.deadline().instant() - listener_.margin - stream_.first_byte();
  const bool exact = causes_.source() == CauseSource::exact;
  return resilience::Inherited{left, exact ? BudgetSource::exact : BudgetSource::trace};
}

std::string_view Crossing::agree_on_version(const CompiledRoute& route, std::string_view version) {
  if (version.empty() || causes_.source() == CauseSource::none) return version;
  const ShortText agreed = causes_.agree(route.route->name, version);
  const auto& endpoints = route.to.upstream->endpoints;
  const auto spelled = std::ranges::find(endpoints, agreed.view(), &policy::Endpoint::version);
  // After a reload it may be gone.
  return spelled != endpoints.end() ? std::string_view{spelled->version} : version;
}

void Crossing::enter(Deadline deadline) {
  // What comes in from outside by an outbound listener is somebody's cause at the next inbound one.
  if (!inbound() && terms_.trusted) return;
  const Ancestry ancestry = adopt_ancestry(fields(), terms_, services_.random);
  if (!inbound()) return;
  const auto criticality = fields().find(http::Name::weir_criticality).value_or("");
  inbound_.enter(services_.correlator, ancestry,
                 {deadline, marked_as_retry_, failover_until_, ShortText{criticality},
                  stream_.tls() == nullptr ? std::string_view{} : stream_.tls()->identity});
  if (inbound_.entered()) write_cause(fields(), inbound_.id());
}

void Crossing::leave(InboundRequest::End end) { inbound_.leave(end, services_.scheduler.now()); }

bool Crossing::caller_gone() const {
  return stream_.caller() == downstream::Caller::gone || causes_.gone();
}

bool Crossing::only_causes_gone() const {
  return stream_.caller() != downstream::Caller::gone && causes_.gone();
}

void Crossing::fail_over() {
  spent_ = Spent::here;
  causes_.spend();
}

bool Crossing::heard_of_failover(const http::Fields& response) {
  if (!resilience::failover_spent_below(response)) return false;
  if (spent_ == Spent::no) spent_ = Spent::below;
  causes_.spend();
  return true;
}

void Crossing::tell_of_spent_failover() {
  // A second try of our own goes to the same application; the answer will say so.
  const bool news = spent_ == Spent::below || inbound_.failover_spent();
  if (caller_ != Caller::listens || !news) return;
  caller_ = Caller::told;
  http::ResponseHead told;
  told.status = 102;
  told.reason = "Processing";
  told.fields.add(http::Name::weir_failover, "spent");
  stream_.inform(told);
}

void Crossing::judge(resilience::Outcome& outcome) const {
  if (!inbound()) return;
  // Whatever the application relays of such marks was said of somebody else; and what is judged
  // again at its end, with what the trailers add, starts afresh.
  outcome.spares_endpoint = outcome.unprocessed = false;
  outcome.spares_endpoint = resilience::counts_as_error(outcome) && inbound_.failed_below();
}

void Crossing::mark_error(http::Fields& response) const {
  const bool below = inbound() && terms_.trusted && inbound_.failed_below();
  resilience::write_fault_marks(response, {.whose = below ? Whose::below : Whose::endpoint});
}

resilience::FaultMarks Crossing::marks_of(resilience::Failure failure,
                                          resilience::Processed processed) const {
  if (!inbound() || !terms_.trusted) return {};
  auto marks = resilience::fault_marks_of(failure, processed);
  if (inbound_.failed_below()) marks.whose = Whose::below;
  return marks;
}

Duration Crossing::patience_left() const {
  if (failover_until_.is_none()) return Duration::max();
  return std::max(Duration::zero(),
                  failover_until_.left(services_.scheduler.now()) - listener_.margin);
}

void Crossing::write_patience(Duration next_attempt_in) {
  const Duration left = std::min(patience_left(), next_attempt_in);
  if (inbound() || left == Duration::max()) return;
  fields().add(patience_field, fmt::format_int{whole_milliseconds(left)}.c_str());
}

void Crossing::remove_patience() { fields().remove(patience_field); }

}  // namespace weir::proxy
