#include "weir/downstream/h1_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/codec/h1_writer.h"

namespace weir::downstream {
namespace {

codec::H1Limits codec_limits(const policy::Limits& limits) {
  return {limits.header.value, limits.header_count, limits.target.value};
}

}  // namespace

H1Connection::H1Connection(const Accepted& accepted, Instant first_byte)
    : scheduler_(accepted.scheduler),
      limits_(accepted.limits),
      handler_(accepted.handler),
      connection_(accepted.connection),
      channel_(accepted.channel),
      parser_(head_, codec_limits(limits_)),
      source_(channel_, scheduler_.ready(), codec_limits(limits_)),
      sink_(channel_, scheduler_.ready()),
      first_byte_(first_byte) {
  scheduler_.arm(timer_, first_byte_ + limits_.header_timeout);
}

void H1Connection::on_input() {
  switch (state_) {
    case State::idle:
    case State::head: read_head(); break;
    case State::exchange:
      source_.on_input();
      if (watcher_ != nullptr && channel_.input_state() != net::Channel::Input::open) {
        scheduler_.schedule(*watcher_);
      }
      break;
    case State::lingering:
      channel_.consume(channel_.input().size());
      if (channel_.input_state() != net::Channel::Input::open) close(lingering_for_);
      break;
    case State::closed: break;
  }
}

void H1Connection::on_drained() {
  sink_.on_drained();
  if (state_ == State::lingering) {
    const bool input_over = channel_.input_state() != net::Channel::Input::open;
    if (input_over || channel_.output_broken()) return close(lingering_for_);
    scheduler_.arm_in(timer_, linger_time);
  }
  if (watcher_ != nullptr && channel_.output_broken()) scheduler_.schedule(*watcher_);
}

void H1Connection::read_head() {
  if (channel_.input().empty()) {
    if (channel_.input_state() != net::Channel::Input::open) end(input_end());
    return;
  }
  if (state_ == State::idle) {
    state_ = State::head;
    first_byte_ = scheduler_.now();
    scheduler_.arm_in(timer_, limits_.header_timeout);
  }
  const auto parsed = parser_.parse(channel_.input());
  if (!parsed) {
    handler_.on_malformed(codec::name_of(parsed.error()));
    refuse(codec::status_of(parsed.error()), codec::describe(parsed.error()));
    return;
  }
  if (*parsed > 0) {
    channel_.consume(*parsed);
    begin_exchange();
    return;
  }
  if (channel_.input_state() != net::Channel::Input::open) {
    close(net::Closed::error);
  } else if (!channel_.read_more()) {
    handler_.on_malformed(codec::name_of(codec::H1Error::head_too_large));
    refuse(codec::status_of(codec::H1Error::head_too_large), "the head is too large");
  }
}

void H1Connection::begin_exchange() {
  state_ = State::exchange;
  ++requests_;
  timer_.disarm();
  method_ = head_.method;
  version_ = head_.version;
  keep_alive_ = head_.keep_alive && requests_ < limits_.requests;
  awaits_continue_ = head_.expects_continue;
  body_stalled_ = false;
  source_.begin(head_.body);
  sink_.rest();
  handler_.on_request(*this);
}

Caller H1Connection::caller() const {
  if (channel_.output_broken()) return Caller::gone;
  switch (channel_.input_state()) {
    case net::Channel::Input::open: return Caller::present;
    case net::Channel::Input::broken: return Caller::gone;
    // The two ends of a tunnel close one by one.
    case net::Channel::Input::ended: return tunnel_ ? Caller::present : Caller::gone;
  }
  return Caller::gone;
}

resilience::Failure H1Connection::body_failure() const {
  if (body_stalled_) return resilience::Failure::request_timeout;
  return channel_.input_state() == net::Channel::Input::open
             ? resilience::Failure::malformed_request
             : resilience::Failure::caller_gone;
}

http::Pull H1Connection::ContinueSource::pull() {
  if (connection_.body_stalled_) return {http::Pull::State::failed, {}};
  const http::Pull pulled = connection_.source_.pull();
  if (pulled.state != http::Pull::State::pending) {
    connection_.awaits_continue_ = false;
    connection_.timer_.disarm();
    if (pulled.state == http::Pull::State::failed &&
        connection_.body_failure() == resilience::Failure::malformed_request) {
      connection_.handler_.on_malformed(codec::name_of(connection_.source_.error()));
    }
    return pulled;
  }
  if (std::exchange(connection_.awaits_continue_, false)) {
    connection_.channel_.write(std::string_view{"HTTP/1.1 100 Continue\r\n\r\n"});
    connection_.channel_.flush();
  }
  if (!connection_.tunnel_ && !connection_.timer_.armed()) {
    connection_.scheduler_.arm_in(connection_.timer_, connection_.limits_.body_timeout);
  }
  return pulled;
}

void H1Connection::inform(const http::ResponseHead& head) {
  if (version_ == http::Version::http_1_0) return;  // RFC 9110, 15.2
  codec::write_response_head(head, channel_.output(), method_);
  channel_.flush();
}

http::Sink& H1Connection::respond(http::ResponseHead& head) {
  const bool switching =
      head.status == 101 || (method_ == http::Method::connect && head.status < 300);
  using Kind = http::BodyLength::Kind;
  if (head.body.kind == Kind::until_close && version_ != http::Version::http_1_0) {
    head.body = http::BodyLength::chunked();
  }
  if (head.body.kind == Kind::chunked && version_ == http::Version::http_1_0) {
    head.body = http::BodyLength::until_close();
  }
  // A caller that was not told to go on may send its body or not: the connection cannot be used on.
  if (std::exchange(awaits_continue_, false)) keep_alive_ = false;
  keep_alive_ = keep_alive_ && !draining_ && head.body.kind != Kind::until_close;
  head.keep_alive = keep_alive_ || switching;
  if (version_ == http::Version::http_1_0 && keep_alive_) {
    head.fields.add(http::Name::connection, "keep-alive");
  }
  codec::write_response_head(head, channel_.output(), method_);
  sink_.begin(method_ == http::Method::head ? http::BodyLength::none() : head.body);
  return sink_;
}

void H1Connection::begin_tunnel() {
  tunnel_ = true;
  keep_alive_ = false;
  timer_.disarm();
  source_.begin(http::BodyLength::until_close());
  sink_.begin(http::BodyLength::until_close());
  channel_.flush();
}

bool H1Connection::may_go_on(Ending ending) {
  if (ending != Ending::complete || !keep_alive_ || draining_ || !sink_.finished() ||
      channel_.output_broken() || channel_.input_state() == net::Channel::Input::broken) {
    return false;
  }
  // What has arrived of a request body that nobody read is dropped; the rest is not waited for.
  for (http::Pull rest = source_.pull(); rest.state == http::Pull::State::data;
       rest = source_.pull()) {
    source_.consume(rest.bytes.size());
  }
  return source_.ended();
}

net::Closed H1Connection::input_end() const {
  return channel_.input_state() == net::Channel::Input::broken ? net::Closed::error
                                                               : net::Closed::peer;
}

net::Closed H1Connection::reason_to_end() const {
  if (draining_) return net::Closed::drain;
  if (requests_ >= limits_.requests) return net::Closed::limit;
  return body_stalled_ ? net::Closed::timeout : input_end();
}

void H1Connection::done(Ending ending) {
  watcher_ = nullptr;
  source_.wake_on_readable(nullptr);
  sink_.wake_on_writable(nullptr);
  timer_.disarm();
  if (may_go_on(ending)) {
    begin_idle();
    return;
  }
  // What was cut off must not look complete, also where a body ends with the connection.
  if (ending == Ending::aborted) {
    channel_.reset_on_close();
    close(net::Closed::error);
    return;
  }
  linger(reason_to_end());
}

void H1Connection::begin_idle() {
  state_ = State::idle;
  parser_.reset();
  scheduler_.arm_in(timer_, limits_.idle_timeout);
  if (!channel_.input().empty() || channel_.input_state() != net::Channel::Input::open) {
    scheduler_.schedule(*this);  // not now: pipelined requests must not nest
  } else {
    channel_.rest();
  }
}

void H1Connection::refuse(std::uint16_t status, std::string_view detail) {
  http::ResponseHead answer;
  answer.status = status;
  answer.reason = http::reason_phrase(status);
  answer.keep_alive = false;
  answer.fields.add(http::Name::content_type, "text/plain; charset=utf-8");
  answer.fields.add(http::Name::proxy_status,
                    fmt::format("weir; error=http_request_error; details=\"{}\"", detail));
  const std::string text = fmt::format("weir: {}\n", detail);
  answer.body = http::BodyLength::known(text.size());
  codec::write_response_head(answer, channel_.output());
  channel_.write(text);
  linger(status == 408 ? net::Closed::timeout : net::Closed::error);
}

// In order, with what is still unsent on its way.
void H1Connection::end(net::Closed reason) {
  channel_.flush_at_once();
  if (channel_.unsent() > 0 && reason != net::Closed::error) {
    linger(reason);
  } else {
    close(reason);
  }
}

void H1Connection::linger(net::Closed reason) {
  state_ = State::lingering;
  lingering_for_ = reason;
  channel_.finish_output();
  channel_.consume(channel_.input().size());
  const bool input_over = channel_.input_state() != net::Channel::Input::open;
  if (channel_.output_broken() || (input_over && channel_.unsent() == 0)) return close(reason);
  // A caller that takes its answer slowly has the time that a slow body has.
  scheduler_.arm_in(timer_, channel_.unsent() > 0 ? limits_.body_timeout : linger_time);
}

void H1Connection::wake() {
  if (!timer_.fired()) {
    if (state_ == State::idle) read_head();
    return;
  }
  switch (state_) {
    case State::idle: end(draining_ ? net::Closed::drain : net::Closed::idle); break;
    case State::lingering: close(lingering_for_); break;
    case State::head:
      handler_.on_request_timeout();
      refuse(408, "the request did not arrive in time");
      break;
    case State::exchange:
      body_stalled_ = true;
      keep_alive_ = false;
      source_.on_input();
      break;
    case State::closed: break;
  }
}

// A request may be on its way on a connection that looks idle: it is still answered, with
// `Connection: close`, if it comes within the grace.
void H1Connection::drain() {
  draining_ = true;
  if (state_ == State::idle) scheduler_.arm_in(timer_, std::min(drain_grace, limits_.idle_timeout));
}

void H1Connection::close(net::Closed reason) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  timer_.disarm();
  if (reason != net::Closed::error) channel_.flush_at_once();
  connection_.close(reason);
}

}  // namespace weir::downstream
