// The beginning of an exchange's life: who is calling, may he, where to, for how long.

#include <algorithm>

#include "weir/proxy/authorization.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/forwarding.h"
#include "weir/proxy/pass_through.h"
#include "weir/resilience/budget.h"

namespace weir::proxy {
namespace {

using resilience::Deadline;
using resilience::Failure;

// What is kept back so that a fallback can still be delivered.
Duration fallback_reserve(const policy::Fallback& fallback, Duration budget) {
  if (fallback.kind == policy::Fallback::Kind::upstream) return budget / 4;
  return std::min<Duration>(budget / 10, std::chrono::milliseconds{10});
}

// Where an intercepted call was going before it was sent here, if policy lets it go there.
std::shared_ptr<const CompiledRoute> route_to(const std::optional<Address>& destination,
                                              const CompiledListener& listener,
                                              const std::shared_ptr<const Snapshot>& snapshot,
                                              const Services& services) {
  if (!destination || listener.direction == telemetry::Direction::inbound) return nullptr;
  if (const CompiledRoute* known = snapshot->upstreams.at(*destination)) return {snapshot, known};
  using Unmatched = policy::Interception::Unmatched;
  if (listener.policy->intercept.unmatched == Unmatched::refuse) return nullptr;
  return services.pass_through.to(*destination, services.scheduler.now());
}

}  // namespace

void Exchange::identify() {
  const http::RequestHead& head = stream_.head();
  if (head.is_grpc()) call_ = resilience::Call::grpc;
  if (crossing_.terms().trusted) {
    grant_ = resilience::read_grant(head.fields);
  } else if (grpc()) {
    grant_ = resilience::read_grpc_grant(head.fields);
  }
  record_.direction = listener_.direction;
  record_.malformed_grants = grant_.malformed;
  if (stream_.tls() != nullptr) record_.caller = stream_.tls()->identity;
}

bool Exchange::authorize() {
  if (!listener_.authorizes) return true;
  const policy::Authorization& rules = listener_.inbound->authorization;
  const http::RequestHead& head = stream_.head();
  CallFacts facts{.caller = record_.caller, .method = head.method, .path = head.path()};
  if (!rules.rules.empty()) {
    facts.overrides = method_overrides(head);
    facts.rewritten = rewrites_path(head.fields);
  }
  const auto decision = decide(rules, facts);
  using telemetry::AuthorizationVerdict;
  record_.authorization = AuthorizationVerdict::allowed;
  if (decision.effect == policy::AuthorizationRule::Effect::allow) return true;
  record_.authorization =
      rules.dry_run ? AuthorizationVerdict::would_deny : AuthorizationVerdict::denied;
  record_.authorization_rule = decision.rule;
  if (rules.dry_run) return true;
  fail(Failure::unauthorized);
  return false;
}

bool Exchange::find_route() {
  http::RequestHead& head = stream_.head();
  if (head.method == http::Method::connect && !listener_.policy->allow_connect) {
    fail(Failure::method_refused);
    return false;
  }
  const bool asks = listener_.table.asks_for_caller() && listener_.inbound == nullptr;
  const auto found = listener_.table.find(head, asks ? crossing_.find_caller() : record_.caller);
  if (!found) passed_ = route_to(stream_.destination(), listener_, snapshot_, services_);
  route_ = found ? &listener_.routes[*found] : passed_.get();
  if (route_ == nullptr) {
    fail(Failure::no_route);
    return false;
  }
  version_ = route::choose_version(policy(), head, stream_.peer(), services_.random);
  const policy::Balance& balance = route_->to.upstream->balance;
  if (balance.policy == policy::Balancing::consistent_hash) {
    const auto hash = route::sticky_hash(balance.hash_on, head, stream_.peer());
    hash_ = hash ? *hash : services_.random.next();
  }
  const bool secured = stream_.tls() != nullptr || route_->to.tls != nullptr;
  forward_request(head, crossing_.terms(), {stream_.peer(), secured ? "https" : "http"});
  if (listener_.inbound != nullptr) {
    tell_identity(head.fields, listener_.inbound->identity_header, record_.caller);
  }
  return true;
}

bool Exchange::set_budget() {
  crossing_.look_back(*route_);
  record_.cause = crossing_.source();
  version_ = crossing_.agree_on_version(*route_, version_);
  const auto budget = resilience::effective_budget(
      grant_, {policy().budget, listener_.policy->budget.fallback, listener_.policy->budget.maximum,
               crossing_.inherited()});
  deadline_ = Deadline::after(began_, budget.total);
  attempts_until_ = deadline_;
  if (policy().fallback) {
    attempts_until_ =
        Deadline::at(deadline_.instant() - fallback_reserve(*policy().fallback, budget.total));
  }
  budget_end_ = deadline_;
  if (grpc() && policy().idle) {
    const auto timeout = resilience::read_grpc_grant(stream_.head().fields).granted;
    if (timeout) call_end_ = Deadline::after(began_, *timeout);
  }
  record_.budget = budget.total;
  record_.budget_source = budget.source;
  if (crossing_.caller_gone() && cancels_when_gone()) {
    fail(Failure::caller_gone);
    return false;
  }
  // Nothing is begun that the margin for the way home has already eaten; less than a millisecond
  // cannot be handed on.
  if (handed_on() < std::chrono::milliseconds{1}) {
    fail(Failure::expired_on_arrival);
    return false;
  }
  services_.scheduler.arm(deadline_timer_, attempts_until_.instant());
  crossing_.enter(deadline_);
  return true;
}

bool Exchange::check_body() {
  const auto limit = policy().body_limit ? policy().body_limit : listener_.policy->limits.body;
  if (!limit || stream_.head().body.bytes <= limit->value) return true;
  fail(Failure::request_too_large);
  return false;
}

}  // namespace weir::proxy
