#include "weir/downstream/h2_stream.h"

#include <string_view>
#include <utility>

#include "weir/downstream/h2_connection.h"
#include "weir/http/websocket.h"

namespace weir::downstream {
namespace {

constexpr std::string_view key_field = "sec-websocket-key";
constexpr std::string_view accept_field = "sec-websocket-accept";
constexpr std::string_view version_field = "sec-websocket-version";

}  // namespace

H2Stream::H2Stream(H2Connection& connection, http::RequestHead& head, http::RequestHead&& spare,
                   Instant first_byte)
    : connection_(connection),
      head_(std::exchange(head, std::move(spare))),
      source_(connection.session(), *this, connection.scheduler().ready()),
      sink_(connection.session(), *this, connection.scheduler().ready()),
      first_byte_(first_byte) {
  method_ = head_.method;
  upgrading_ = !head_.upgrade.empty();
  awaits_continue_ = head_.expects_continue;
}

void H2Stream::run() {
  state_ = State::running;
  if (http::equal_without_case(head_.upgrade, "websocket")) ask_for_websocket();
}

void H2Stream::ask_for_websocket() {
  const std::string key = http::make_websocket_key(connection_.random());
  websocket_accept_ = std::make_unique<const std::string>(http::websocket_accept(key));
  head_.fields.remove(key_field);
  head_.fields.add(key_field, key);
  if (!head_.fields.find(version_field)) head_.fields.add(version_field, "13");
}

const Address& H2Stream::peer() const { return connection_.peer(); }

const Address& H2Stream::local() const { return connection_.local(); }

const net::TlsPeer* H2Stream::tls() const { return connection_.tls(); }

const std::optional<Address>& H2Stream::destination() const { return connection_.destination(); }

resilience::Failure H2Stream::body_failure() const {
  if (body_stalled_) return resilience::Failure::request_timeout;
  // The session refuses what does not have the length that it promised.
  return error_ == codec::H2Error::protocol_error ? resilience::Failure::malformed_request
                                                  : resilience::Failure::caller_gone;
}

http::Pull H2Stream::Body::pull() {
  if (stream_.body_stalled_) return {http::Pull::State::failed, {}};
  const http::Pull pulled = stream_.source_.pull();
  if (pulled.state != http::Pull::State::pending) {
    stream_.awaits_continue_ = false;
    stream_.timer_.disarm();
    return pulled;
  }
  if (std::exchange(stream_.awaits_continue_, false)) {
    http::ResponseHead go_on;
    go_on.status = 100;
    stream_.inform(go_on);
  }
  if (!stream_.tunnel_ && !stream_.timer_.armed()) {
    stream_.connection_.scheduler().arm_in(stream_.timer_,
                                           stream_.connection_.limits().body_timeout);
  }
  return pulled;
}

void H2Stream::wake() {
  if (!timer_.fired() || state_ != State::running) return;
  body_stalled_ = true;
  source_.fail();
}

void H2Stream::inform(const http::ResponseHead& head) {
  if (open()) connection_.session().inform(*this, head);
}

http::Sink& H2Stream::respond(http::ResponseHead& head) {
  awaits_continue_ = false;
  if (!open()) return sink_;
  check_switch(head);
  const bool tunnel = head.status == 101 || (method_ == http::Method::connect && head.status < 300);
  bodiless_ = !tunnel && (head.body.empty() || method_ == http::Method::head);
  connection_.session().respond(*this, head, method_, *this);
  if (refused_) sink_.fail();
  return sink_;
}

// HTTP/2 says 200 where HTTP/1.1 says 101, so any success would be taken for the switch.
void H2Stream::check_switch(http::ResponseHead& head) {
  if (head.status == 101) {
    const bool right = websocket_accept_ == nullptr
                           ? upgrading_
                           : head.fields.find(accept_field) == std::string_view{*websocket_accept_};
    head.fields.remove(accept_field);
    if (right) return;
  } else if (!upgrading_ || head.status < 200 || head.status >= 300) {
    return;
  }
  refused_ = true;
  head.clear();
  head.status = 502;
  head.fields.add(http::Name::proxy_status, "weir; error=http_upgrade_failed");
}

void H2Stream::begin_tunnel() {
  tunnel_ = true;
  timer_.disarm();
}

void H2Stream::done(Ending ending) {
  watcher_ = nullptr;
  source_.wake_on_readable(nullptr);
  sink_.wake_on_writable(nullptr);
  timer_.disarm();
  state_ = State::answered;
  progress_ = connection_.scheduler().now();
  const bool whole = refused_ || (ending == Ending::complete && sink_.finished());
  connection_.on_done(*this, whole ? Ending::complete : Ending::aborted);
}

void H2Stream::on_data(std::span<const char> bytes) {
  // Nobody reads on: what the caller still sends stays within its window.
  if (body_stalled_ || state_ == State::answered) return;
  source_.deliver(bytes);
}

void H2Stream::on_end(const http::Fields* trailers) {
  connection_.on_section();
  source_.end(trailers);
}

void H2Stream::on_closed(codec::H2Error error) {
  error_ = error;
  gone_ = error != codec::H2Error::no_error || !response_sent();
  source_.fail();
  sink_.fail();
  if (gone_ && watcher_ != nullptr) connection_.scheduler().schedule(*watcher_);
  connection_.on_stream_closed(*this);
}

codec::H2Outgoing::Offer H2Stream::offer(std::size_t at_most) {
  const Offer offered = sink_.offer(at_most);
  end_offered_ = offered.last;
  return offered;
}

void H2Stream::take(std::size_t bytes, std::string& output) {
  progress_ = connection_.scheduler().now();
  connection_.on_progress();
  sink_.take(bytes, output);
}

}  // namespace weir::downstream
