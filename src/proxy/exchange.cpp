#include "weir/proxy/exchange.h"

#include <fmt/format.h>

#include <algorithm>

#include "weir/proxy/forwarding.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/failover.h"
#include "weir/resilience/grpc.h"

namespace weir::proxy {
namespace {

using resilience::Failure;

struct Timing {
  Duration elapsed;
  Duration left;
};
void add_server_timing(http::ResponseHead& head, const telemetry::Record& record,
                       const Timing& timing) {
  const auto milliseconds = [](Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  head.fields.add(http::Name::server_timing,
                  fmt::format("weir;dur={:.1f};desc=\"budget={} left={} attempts={}\"",
                              milliseconds(timing.elapsed), whole_milliseconds(record.budget),
                              whole_milliseconds(timing.left), record.attempt_count));
}

// What people search their logs for.
std::string_view request_id_of(const http::Fields& fields) {
  if (const auto id = fields.find(http::Name::x_request_id)) return *id;
  // version "-" trace-id "-" parent-id "-" flags, W3C Trace Context
  constexpr std::size_t trace_begin = 3;
  constexpr std::size_t trace_size = 32;
  const auto parent = fields.find(http::Name::traceparent);
  if (!parent || parent->size() < trace_begin + trace_size) return {};
  return parent->substr(trace_begin, trace_size);
}

}  // namespace

Exchange::Exchange(Services& services, downstream::Stream& stream,
                   std::shared_ptr<const Snapshot> snapshot, const CompiledListener& listener)
    : services_(services),
      stream_(stream),
      snapshot_(std::move(snapshot)),
      listener_(listener),
      signal_(services.scheduler.ready()),
      began_(stream.first_byte()),
      crossing_(services, stream, listener, signal_),
      request_pipe_(services.scheduler.ready(), signal_),
      response_pipe_(services.scheduler.ready(), signal_) {}

void Exchange::start() {
  stream_.wake_on_change(&signal_);
  life_ = live();
  life_.start();
}

Task Exchange::live() {
  identify();
  if (authorize() && find_route() && set_budget() && check_body()) {
    enter_bulkhead();
    while (waiting_for_permit()) co_await signal_.wait();
    begin_first_attempt();
    while (judge() == Verdict::undecided) co_await signal_.wait();
  }
  respond();
  while (relaying()) co_await signal_.wait();
  if (failure_ != Failure::none) {
    // Also of a response that broke off, and of a caller who would not wait.
    if (chosen_ || failure_ == Failure::caller_gone) crossing_.tell_of_failure();
    end_grpc_call();
  }
  record();
}

std::string_view Exchange::route() const {
  return route_ == nullptr ? std::string_view{} : std::string_view{policy().name};
}

Duration Exchange::handed_on() const {
  return attempts_until_.left(services_.scheduler.now()) - listener_.margin;
}

// A stream that may outlive the budget for its head is told how long it may last only if its caller
// said so.
resilience::Remainder Exchange::remainder() const {
  resilience::Remainder left{.budget = handed_on()};
  if (!grpc()) return left;
  if (!policy().idle) {
    left.grpc_call = left.budget;
  } else if (!call_end_.is_none()) {
    left.grpc_call = call_end_.left(services_.scheduler.now()) - listener_.margin;
  }
  return left;
}

bool Exchange::cancels_when_gone() const {
  switch (route_ == nullptr ? policy::CallerGone::cancel : policy().on_caller_gone) {
    case policy::CallerGone::cancel: return true;
    case policy::CallerGone::finish: return false;
    case policy::CallerGone::by_method:
      return tunnel_ || grpc() || http::is_safe(stream_.head().method);
  }
  return true;
}

void Exchange::respond() {
  attempt_timer_.disarm();
  hedge_timer_.disarm();
  pause_timer_.disarm();
  if (!chosen_) {
    for (const Slot slot : {first, second, fallback}) {
      if (running(slot)) end_attempt(slot, {.failure = failure_});
    }
  }
  // Two endpoints in vain are enough, although neither has processed anything: what moves on freely
  // must not be multiplied by those above.
  const bool in_vain = chosen_ ? judged_.unprocessed : failure_ != Failure::none;
  if (in_vain && record_.attempt_count > 1 && processed_ == resilience::Processed::no) {
    crossing_.fail_over();
  }
  if (chosen_) return relay_response();
  request_pipe_.detach();
  if (failure_ != Failure::caller_gone || stream_.caller() != downstream::Caller::gone) {
    reply_locally();
  }
}

void Exchange::relay_response() {
  upstream::Attempt& attempt = *attempts_[*chosen_];
  if (replay_) replay_->settle();
  http::ResponseHead& head = attempt.response();
  record_.status = head.status;
  record_.first_byte = services_.scheduler.now() - began_;
  forward_response(head, *listener_.policy,
                   crossing_.failover_spent() ? FailoverSpent::yes : FailoverSpent::no);
  if (head.status >= 500 || tells_grpc_error(head.fields)) mark_trailers(head.fields);
  const bool connects = stream_.head().method == http::Method::connect;
  tunnel_ = head.status == 101 || (connects && head.status < 300);
  // HTTP/2 has no such field: there the answer to an extended CONNECT says it all (RFC 8441, 4).
  if (head.status == 101 && stream_.head().version != http::Version::http_2) {
    head.fields.add(http::Name::upgrade, stream_.head().upgrade);
  }
  if (listener_.policy->server_timing) {
    const Instant now = services_.scheduler.now();
    add_server_timing(head, record_, {now - began_, deadline_.left(now)});
  }
  response_sink_ = &stream_.respond(head);
  if (tunnel_) return begin_tunnel(*response_sink_);
  // Of these nobody knows when they end.
  if (policy().idle || grpc()) attempt.lease().answered(services_.scheduler.now());
  if (policy().idle) {
    watch_idle();
  } else if (attempts_until_ != deadline_) {
    services_.scheduler.arm(deadline_timer_, deadline_.instant());
  }
  attempts_until_ = deadline_;
  if (grpc()) marked_trailers_.emplace(attempt.body(), static_cast<MarkedTrailers::Marker&>(*this));
  response_pipe_.start(marked_trailers_ ? *marked_trailers_ : attempt.body(), *response_sink_);
}

// Of an error, wherever it is told: in trailers, or in a head that has none after it.
void Exchange::mark_trailers(http::Fields& trailers) {
  if (crossing_.failover_spent()) mark_no_retry(trailers);
  if (judged_.status >= 500 || blames_endpoint(trailers)) crossing_.tell_of_failure();
  crossing_.mark_error(trailers);
}

void Exchange::begin_tunnel(http::Sink& sink) {
  upstream::Attempt& attempt = *attempts_[*chosen_];
  attempt.lease().answered(services_.scheduler.now());
  request_pipe_.detach();
  stream_.begin_tunnel();
  attempt.begin_tunnel();
  watch_idle();
  request_pipe_.start(stream_.body(), attempt.request_body());
  response_pipe_.start(attempt.body(), sink);
}

// From now on the exchange lives as long as bytes move; the budget covered the way to the head.
// What gRPC promised to the callee covers the whole call.
void Exchange::watch_idle() {
  deadline_ = attempts_until_ = call_end_;
  if (deadline_.is_none()) {
    deadline_timer_.disarm();
  } else {
    services_.scheduler.arm(deadline_timer_, deadline_.instant());
  }
  crossing_.set_deadline(deadline_);
  idle_mark_ = request_pipe_.bytes() + response_pipe_.bytes();
  services_.scheduler.arm_in(idle_timer_,
                             policy().idle.value_or(listener_.policy->limits.idle_timeout));
}

void Exchange::reply_locally() {
  const bool has_fallback = route_ != nullptr && policy().fallback &&
                            policy().fallback->kind == policy::Fallback::Kind::static_response;
  const auto fault = resilience::facts_of(failure_).fault;
  if (has_fallback && fault != resilience::Fault::downstream) {
    local_ = make_fallback_reply(policy().fallback->status, policy().fallback->content_type,
                                 policy().fallback->body);
    record_.fallback = true;
  } else {
    if (resilience::facts_of(failure_).status >= 500) crossing_.tell_of_failure();
    local_ = make_local_reply({failure_, grpc(), retry_after_, crossing_.failover_spent(),
                               crossing_.marks_of(failure_, processed_)});
    if (grpc()) record_.grpc_status = resilience::facts_of(failure_).grpc_status;
  }
  record_.status = local_->head.status;
  record_.first_byte = services_.scheduler.now() - began_;
  http::Sink& sink = stream_.respond(local_->head);
  if (stream_.head().method != http::Method::head) sink.write(local_->body);
  sink.finish(nullptr);
  if (!sink.failed()) ending_ = downstream::Ending::complete;
}

bool Exchange::relaying() {
  if (!chosen_ || failure_ != Failure::none) return false;
  const auto state = response_pipe_.state();
  if (state == Pipe::State::ended && !(tunnel_ && request_pipe_.moving())) {
    ending_ = downstream::Ending::complete;
    return false;
  }
  if (relay_broken()) return false;
  if (idle_timer_.fired()) {
    if (idle_mark_ == request_pipe_.bytes() + response_pipe_.bytes()) {
      fail(Failure::deadline_passed);
      return false;
    }
    watch_idle();
  }
  return true;
}

bool Exchange::relay_broken() {
  switch (response_pipe_.state()) {
    case Pipe::State::source_failed: fail(Failure::reset_mid_response); return true;
    case Pipe::State::sink_failed: fail(Failure::caller_gone); return true;
    case Pipe::State::over_limit: fail(Failure::internal); return true;
    case Pipe::State::resting:
    case Pipe::State::moving:
    case Pipe::State::ended: break;
  }
  if (tunnel_) {
    const auto state = request_pipe_.state();
    if (state == Pipe::State::source_failed) fail(Failure::caller_gone);
    if (state == Pipe::State::sink_failed) fail(Failure::reset_mid_response);
    return failure_ != Failure::none;
  }
  if (crossing_.caller_gone() && cancels_when_gone()) {
    fail(Failure::caller_gone);
  } else if (deadline_.passed(services_.scheduler.now())) {
    fail(Failure::deadline_passed);
  }
  return failure_ != Failure::none;
}

// A gRPC call that fails after its head is told so in the trailers, where they can still be sent:
// its client would make CANCELLED, INTERNAL or UNKNOWN of a stream that is cut.
void Exchange::end_grpc_call() {
  if (!grpc() || tunnel_ || response_sink_ == nullptr) return;
  if (stream_.caller() == downstream::Caller::gone) return;
  response_pipe_.detach();
  const auto framing = attempts_[*chosen_]->response().body.kind;
  if (framing != http::BodyLength::Kind::chunked || response_sink_->failed()) return;
  const auto trailers =
      make_grpc_trailers({.failure = failure_,
                          .grpc = true,
                          .failover_spent = crossing_.failover_spent(),
                          .marks = crossing_.marks_of(failure_, resilience::Processed::maybe)});
  response_sink_->finish(&trailers);
  if (!response_sink_->failed()) ending_ = downstream::Ending::complete;
}

void Exchange::record() {
  const Instant now = services_.scheduler.now();
  const http::RequestHead& head = stream_.head();
  request_pipe_.detach();
  response_pipe_.detach();
  if (chosen_) record_attempt_end();
  // What our caller does not wait for any more nobody below needs to finish; but what we finish
  // though he has gone is finished with all that belongs to it.
  const bool gone = failure_ == Failure::deadline_passed ||
                    resilience::gave_up_in_time(record_.grpc_status, deadline_.left(now)) ||
                    (failure_ == Failure::caller_gone && cancels_when_gone());
  using End = InboundRequest::End;
  const resilience::Outcome answer{failure_, record_.status, record_.grpc_status};
  const End answered = resilience::retry_word(answer) ? End::failed : End::completed;
  crossing_.leave(gone ? End::gone : answered);

  record_.elapsed = now - began_;
  record_.started = std::chrono::system_clock::now() - record_.elapsed;
  record_.downstream = stream_.peer();
  record_.protocol = head.version;
  record_.method = head.method;
  record_.method_text = head.method_text;
  record_.authority = head.authority;
  record_.target = head.target;
  record_.user_agent = head.fields.find(http::Name::user_agent).value_or("");
  record_.request_id = request_id_of(head.fields);
  record_.route = route();
  record_.upstream = route_ == nullptr ? std::string_view{} : route_->to.upstream->name;
  record_.version = version_;
  record_.grpc = grpc();
  record_.failure = failure_;
  record_.cascaded = failure_ == Failure::caller_gone && crossing_.only_causes_gone();
  record_.bytes_received = request_pipe_.bytes();
  record_.bytes_sent = local_ ? local_->body.size() : response_pipe_.bytes();
  record_.budget_left = budget_end_.is_none() ? Duration{} : budget_end_.left(now);
  services_.recorder.record(record_);

  give_back_permit();
  stream_.done(ending_);
  services_.owner.on_ended(*this);
}

}  // namespace weir::proxy
