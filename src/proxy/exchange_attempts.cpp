// The middle of an exchange's life: attempts, and the judgement after everything that happens.

#include <algorithm>

#include "weir/proxy/exchange.h"
#include "weir/proxy/forwarding.h"
#include "weir/proxy/way_in.h"
#include "weir/resilience/failover.h"

namespace weir::proxy {
namespace {

using resilience::Failure;
using resilience::Outcome;
using resilience::Refusal;
using AttemptState = upstream::Attempt::State;
using Connection = upstream::Attempt::Connection;

Duration left_of(const Timer& timer, Instant now) {
  return timer.armed() ? timer.due() - now : Duration::max();
}

upstream::Ends ends_towards(const Address& endpoint, const Destination& to,
                            const downstream::Stream& stream, const CompiledListener& listener) {
  const policy::Interception& intercept = listener.policy->intercept;
  std::optional<upstream::Ends> callers;
  if (intercept.mode == policy::Interception::Mode::tproxy) {
    callers = callers_ends(intercept, {stream.peer(), stream.local(), stream.destination()});
  }
  return callers ? *callers : to.ends_towards(endpoint);
}

}  // namespace

void Exchange::begin_first_attempt() {
  if (failure_ != Failure::none) return;
  const bool may_probe = route_->fails_over && !crossing_.marked_as_retry() && may_be_repeated();
  auto lease =
      route_->to.cluster->pick({version_, hash_, nullptr, may_probe}, services_.scheduler.now());
  if (!lease) {
    retry_after_ = lease.error().retry_after;
    return fail(lease.error().failure);
  }
  const policy::Failover& failover = route_->to.upstream->failover;
  replay_.emplace(stream_.body(), route_->fails_over ? failover.replay_limit : Bytes{0},
                  listener_.identity_header());
  launch(first, route_->to, std::move(*lease), Connection::any);
}

bool Exchange::may_be_repeated() const {
  const http::RequestHead& head = stream_.head();
  return http::is_idempotent(head.method) ||
         resilience::declared_idempotent(head, route_->to.upstream->failover);
}

// Only where a second attempt could follow: otherwise the first has all of the budget.
void Exchange::arm_attempt_timers() {
  const policy::Failover& failover = route_->to.upstream->failover;
  if (!route_->fails_over || crossing_.marked_as_retry() || !may_be_repeated()) return;
  const Instant now = services_.scheduler.now();
  const Duration left = std::min(attempts_until_.left(now), crossing_.patience_left());
  const auto& latency = attempts_[first]->lease().latency();
  if (failover.retries(policy::FailoverOn::timeout)) {
    services_.scheduler.arm_in(attempt_timer_, resilience::first_attempt_limit(left, latency));
  }
  if (failover.hedge && stream_.head().body.empty()) {
    if (const auto delay = resilience::hedge_delay(left, latency)) {
      services_.scheduler.arm_in(hedge_timer_, *delay);
    }
  }
}

void Exchange::launch(Slot slot, const Destination& to, cluster::Lease lease,
                      Connection connection) {
  upstream::Attempt& attempt = attempts_[slot].emplace(services_.pools, signal_);
  records_[slot] = record_.attempt_count++;
  const policy::Endpoint& facts = lease.endpoint().facts;
  telemetry::AttemptRecord& record = record_.attempts[records_[slot]];
  record.endpoint = facts.address;
  record.version = facts.version;
  if (slot == fallback) record.upstream = to.upstream->name;
  const upstream::Ends ends = ends_towards(facts.address, to, stream_, listener_);
  const auto approach = to.approach(ends, snapshot_->generation);
  attempt.start(std::move(lease), approach, connection,
                upstream::wire_for(*to.upstream, stream_.head()));
  if (slot == first) arm_attempt_timers();
  if (attempt.state() == AttemptState::connected) send(slot);
}

// The last moment at which the budget can be told; a rest below a millisecond would say `expired`.
void Exchange::send(Slot slot) {
  if (handed_on() < std::chrono::milliseconds{1}) {
    services_.scheduler.schedule(signal_);
    return fail(Failure::deadline_passed);
  }
  const bool again = repeats(slot);
  if (again && !crossing_.may_still_fail_over()) {
    // While we were connecting our caller may have lost its patience and gone elsewhere.
    end_attempt(slot, {.failure = Failure::deadline_passed});
    if (!running(first) && !running(second)) fail(Failure::deadline_passed);
    return services_.scheduler.schedule(signal_);
  }
  if (again) crossing_.fail_over();
  mark_attempt(stream_.head(), remainder(), again ? AttemptNumber::second : AttemptNumber::first);
  crossing_.remove_patience();
  // A second attempt is marked as a retry, which says more.
  if (!again && slot != fallback) {
    const Instant now = services_.scheduler.now();
    crossing_.write_patience(std::min(left_of(attempt_timer_, now), left_of(hedge_timer_, now)));
  }
  if (attempts_[slot]->secured()) stream_.head().scheme = "https";
  attempts_[slot]->send(stream_.head());
  if (attempts_[slot]->state() == AttemptState::waiting) begin_request_body(*attempts_[slot]);
}

// What was sent to nobody who may have processed it is still to be sent for the first time.
bool Exchange::repeats(Slot slot) const {
  if (slot == fallback) return false;
  const Slot other = slot == first ? second : first;
  const bool beside = running(other) && attempts_[other]->bytes_written();
  return beside || processed_ == resilience::Processed::maybe;
}

Exchange::Verdict Exchange::judge() {
  if (failure_ == Failure::none) judge_circumstances();
  crossing_.tell_of_spent_failover();
  for (const Slot slot : {first, second, fallback}) {
    if (failure_ == Failure::none && !chosen_ && running(slot)) judge_attempt(slot);
  }
  if (failure_ == Failure::none && !chosen_ && attempt_timer_.fired()) on_attempt_limit();
  if (failure_ == Failure::none && !chosen_ && hedge_timer_.fired()) hedge();
  if (failure_ != Failure::none && fall_back()) return Verdict::undecided;
  return chosen_ || failure_ != Failure::none ? Verdict::decided : Verdict::undecided;
}

// What ends the exchange whatever the attempts do.
void Exchange::judge_circumstances() {
  if (attempts_until_.passed(services_.scheduler.now())) return fail(Failure::deadline_passed);
  if (crossing_.caller_gone() && cancels_when_gone()) {
    return fail(Failure::caller_gone);
  }
  switch (request_pipe_.state()) {
    case Pipe::State::source_failed: return fail(stream_.body_failure());
    case Pipe::State::over_limit: return fail(Failure::request_too_large);
    // A sink that failed is not the end: the response may be on its way.
    default: return;
  }
}

void Exchange::judge_attempt(Slot slot) {
  upstream::Attempt& attempt = *attempts_[slot];
  switch (attempt.state()) {
    case AttemptState::resting:
    case AttemptState::connecting: break;
    case AttemptState::connected: send(slot); break;
    case AttemptState::informed:
      // That is for us: it goes on as ours, to whoever caused this call.
      if (!crossing_.heard_of_failover(attempt.response().fields)) {
        stream_.inform(attempt.response());
      }
      attempt.next_head();
      services_.scheduler.schedule(signal_);
      break;
    case AttemptState::waiting: begin_request_body(attempt); break;
    case AttemptState::responding: judge_response(slot); break;
    case AttemptState::failed: judge_failure(slot); break;
  }
}

void Exchange::begin_request_body(upstream::Attempt& attempt) {
  if (request_pipe_.state() != Pipe::State::resting || stream_.head().body.empty()) return;
  const auto limit = policy().body_limit ? policy().body_limit : listener_.policy->limits.body;
  request_pipe_.start(*replay_, attempt.request_body(), limit);
}

void Exchange::judge_response(Slot slot) {
  Outcome outcome =
      resilience::judge_head(attempts_[slot]->response(), call_, budget_use(*attempts_[slot]));
  crossing_.judge(outcome);
  crossing_.heard_of_failover(attempts_[slot]->response().fields);
  const bool unwanted = resilience::retry_word(outcome).has_value();
  if (unwanted && fail_over(slot, outcome)) return;
  if (unwanted && slot != fallback && running(slot == first ? second : first)) {
    // The first good answer wins.
    return end_attempt(slot, outcome);
  }
  if (unwanted && slot != fallback && route_ != nullptr && policy().fallback) {
    end_attempt(slot, outcome);
    return fail(Failure::error_response);
  }
  for (const Slot other : {first, second}) {
    if (other == slot || !running(other)) continue;
    count_unproductive(other, telemetry::Unproductive::hedge_lost);
    end_attempt(other, {.failure = Failure::caller_gone});
  }
  chosen_ = slot;
  judged_ = outcome;
  auto& attempt = record_.attempts[records_[slot]];
  attempt.failure = outcome.failure;
  attempt.status = outcome.status;
  attempt.elapsed = services_.scheduler.now() - attempts_[slot]->started();
  attempt.reused_connection = attempts_[slot]->reused_connection();
  if (crossing_.caller_gone()) attempt.work = telemetry::Work::late;
  record_.grpc_status = outcome.grpc;
}

// As the callee sees it: what was handed on to it, and what is left of that.
resilience::BudgetUse Exchange::budget_use(const upstream::Attempt& attempt) const {
  return {services_.scheduler.now() - attempt.started(), handed_on()};
}

// Whatever breaks one connection rarely breaks only that one, and the rest shows a little later:
// who goes elsewhere at once meets it again, and has no third attempt.
bool Exchange::pauses(Slot slot) {
  const bool elsewhere = listener_.direction == telemetry::Direction::outbound;
  if (!elsewhere || slot != first || running(second) || pause_timer_.fired()) return false;
  if (!route_->fails_over || crossing_.marked_as_retry() || !may_be_repeated()) return false;
  if (pause_timer_.armed()) return true;
  const Instant now = services_.scheduler.now();
  const Duration pause =
      resilience::pause_after(attempts_[slot]->failure(), now - attempts_[slot]->started());
  if (pause > Duration::zero()) services_.scheduler.arm_in(pause_timer_, pause);
  return pause > Duration::zero();
}

void Exchange::judge_failure(Slot slot) {
  if (pauses(slot)) return;
  const Outcome outcome{.failure = attempts_[slot]->failure()};
  if (fail_over(slot, outcome)) return;
  end_attempt(slot, outcome);
  const bool hedged = running(first) || running(second) || running(fallback);
  if (!hedged) fail(outcome.failure);
}

// The first attempt has had its share of the budget. It goes on when nothing may follow it, and as
// long as nobody else is faster.
void Exchange::on_attempt_limit() {
  attempt_timer_.disarm();
  if (!running(first) || running(second)) return;
  if (fail_over(first, {.failure = Failure::attempt_timeout})) return;
  // What forbids it now may not do so for long.
  const Refusal refused = record_.failover_refused;
  if (refused != Refusal::no_faster && refused != Refusal::no_tokens &&
      refused != Refusal::no_alternative) {
    return;
  }
  const Duration waited = services_.scheduler.now() - attempts_[first]->started();
  services_.scheduler.arm_in(attempt_timer_, resilience::look_again_in(waited));
}

// `alternative` is the lease of another instance, or null when there is none.
Refusal Exchange::refusal_of(Slot slot, const Outcome& outcome,
                             const cluster::Lease* alternative) const {
  const upstream::Attempt& attempt = *attempts_[slot];
  const policy::Failover& failover = route_->to.upstream->failover;
  resilience::FailoverQuestion question;
  question.outcome = outcome;
  question.method = stream_.head().method;
  question.idempotent_by_declaration = resilience::declared_idempotent(stream_.head(), failover);
  question.bytes_written = attempt.bytes_written();
  question.marked_as_retry = crossing_.marked_as_retry();
  // A hedge is the failover, whatever has become of it.
  question.already_failed_over =
      slot != first || record_.attempt_count > 1 || crossing_.failed_over();
  question.alternative = alternative != nullptr;
  question.replay = stream_.head().body.empty() ? resilience::Replay::possible : replay_->replay();
  question.left = std::max(Duration::zero(), handed_on());
  question.patience = crossing_.patience_left();
  question.outcome.failover_spent_below |= crossing_.failover_spent();
  if (alternative != nullptr) {
    question.median = std::min(alternative->latency().median, alternative->expected());
  }
  policy::Failover asked = failover;
  asked.enabled = route_->fails_over;
  return resilience::may_fail_over(question, asked);
}

bool Exchange::fail_over(Slot slot, const Outcome& outcome) {
  if (slot == fallback) return false;
  cluster::Cluster& cluster = *route_->to.cluster;
  const Instant now = services_.scheduler.now();
  const bool race = outcome.failure == Failure::reset_reused_connection;
  auto connection = Connection::any;
  auto lease = cluster.pick_second({version_, hash_, &attempts_[slot]->endpoint()}, now);
  if (!lease && race) {
    // The only instance, over a connection that cannot be a stale one.
    lease = cluster.pick_second({version_, hash_, nullptr}, now);
    connection = Connection::fresh;
  }
  Refusal refusal = refusal_of(slot, outcome, lease ? &*lease : nullptr);
  if (outcome.failure == Failure::attempt_timeout && lease &&
      (refusal == Refusal::none || refusal == Refusal::no_time) &&
      !resilience::worth_leaving(now - attempts_[slot]->started(), lease->expected())) {
    refusal = Refusal::no_faster;
  }
  if (refusal == Refusal::none && !race && !cluster.take_token(now)) refusal = Refusal::no_tokens;
  if (refusal != Refusal::none) {
    record_.failover_refused = refusal;
    return false;
  }
  record_.failover_refused = Refusal::none;
  end_attempt(slot, outcome);
  attempt_timer_.disarm();
  hedge_timer_.disarm();
  request_pipe_.reset();
  replay_->rewind();
  launch(second, route_->to, std::move(*lease), connection);
  return true;
}

// The failover started early: both attempts run on, the first good answer wins.
void Exchange::hedge() {
  hedge_timer_.disarm();
  if (!running(first) || running(second)) return;
  cluster::Cluster& cluster = *route_->to.cluster;
  const Instant now = services_.scheduler.now();
  auto lease = cluster.pick_second({version_, hash_, &attempts_[first]->endpoint()}, now);
  if (!lease) return;
  const Refusal refusal = refusal_of(first, {.failure = Failure::attempt_timeout}, &*lease);
  if (refusal != Refusal::none || !cluster.take_token(now)) return;
  attempt_timer_.disarm();
  record_.hedged = true;
  launch(second, route_->to, std::move(*lease), Connection::any);
}

// Another upstream in place of the one that failed; the exchange has failed when this returns
// false. Static fallbacks are local replies and need no attempt.
bool Exchange::fall_back() {
  if (route_ == nullptr || !route_->fallback || record_.fallback) return false;
  const auto& facts = resilience::facts_of(failure_);
  if (facts.fault == resilience::Fault::downstream) return false;
  bool untouched = true;
  for (const Slot slot : {first, second}) {
    if (!running(slot)) continue;
    untouched = untouched && !attempts_[slot]->bytes_written();
    end_attempt(slot, {.failure = failure_});
  }
  untouched = untouched && record_.attempt_count == 0;
  const bool repeatable =
      untouched || facts.processed == resilience::Processed::no || may_be_repeated();
  const bool whole =
      !replay_ || stream_.head().body.empty() || replay_->replay() == resilience::Replay::possible;
  const Instant now = services_.scheduler.now();
  if (!repeatable || !whole || deadline_.passed(now)) return false;
  auto lease = route_->fallback->cluster->pick({policy().fallback->version, hash_, nullptr}, now);
  if (!lease) return false;
  record_.fallback = true;
  fail(Failure::none);
  attempts_until_ = deadline_;
  services_.scheduler.arm(deadline_timer_, deadline_.instant());
  attempt_timer_.disarm();
  request_pipe_.reset();
  if (!replay_) replay_.emplace(stream_.body(), Bytes{0}, listener_.identity_header());
  replay_->rewind();
  launch(fallback, *route_->fallback, std::move(*lease), Connection::any);
  return true;
}

}  // namespace weir::proxy
