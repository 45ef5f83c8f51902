#include "weir/downstream/connection.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "weir/downstream/h1_connection.h"
#include "weir/downstream/h2_connection.h"
#include "weir/net/tls.h"

namespace weir::downstream {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

Connection::Connection(Incoming incoming, const ConnectionServices& services,
                       const policy::Limits& limits, Handler& handler, ConnectionOwner& owner)
    : scheduler_(services.scheduler),
      limits_(limits),
      handler_(handler),
      owner_(owner),
      random_(services.random),
      destination_(incoming.destination),
      channel_(std::move(incoming.transport), scheduler_.ready(), *this) {
  scheduler_.arm_in(timer_, limits_.idle_timeout);
  if (incoming.until) scheduler_.arm(end_timer_, *incoming.until);
}

void Connection::on_input() {
  if (protocol_) return protocol_->on_input();
  if (!closed_) detect();
}

void Connection::on_drained() {
  if (protocol_) protocol_->on_drained();
}

void Connection::detect() {
  const auto bytes = channel_.input();
  const auto input = channel_.input_state();
  if (bytes.empty()) {
    if (input == net::Channel::Input::open) return;
    return close(input == net::Channel::Input::broken ? net::Closed::error : net::Closed::peer);
  }
  if (!std::exchange(begun_, true)) {
    first_byte_ = scheduler_.now();
    scheduler_.arm_in(timer_, limits_.header_timeout);
  }
  if (channel_.tls() != nullptr && !channel_.tls()->protocol.empty()) {
    return channel_.tls()->protocol == "h2" ? speak_h2() : speak_h1();
  }
  const std::string_view begin{bytes.data(), std::min(bytes.size(), preface.size())};
  if (begin == preface) {
    speak_h2();
  } else if (!preface.starts_with(begin) || input != net::Channel::Input::open) {
    speak_h1();
  } else {
    channel_.read_more();
  }
}

void Connection::speak(std::unique_ptr<Protocol> protocol) {
  timer_.disarm();
  protocol_ = std::move(protocol);
  if (draining_) protocol_->drain();
  protocol_->on_input();
}

void Connection::speak_h1() { speak(std::make_unique<H1Connection>(accepted(), first_byte_)); }

void Connection::speak_h2() { speak(std::make_unique<H2Connection>(accepted())); }

// The beginning of a preface that never became one is refused as the HTTP/1.1 that it is not.
void Connection::wake() {
  if (end_timer_.fired() && !draining_ && !closed_) drain();
  if (!timer_.fired() || protocol_ || closed_) return;
  if (begun_) return speak_h1();
  close(draining_ ? net::Closed::drain : net::Closed::idle);
}

void Connection::drain() {
  draining_ = true;
  if (protocol_) return protocol_->drain();
  if (!begun_) scheduler_.arm_in(timer_, std::min(drain_grace, limits_.idle_timeout));
}

void Connection::close(net::Closed reason) {
  if (std::exchange(closed_, true)) return;
  timer_.disarm();
  end_timer_.disarm();
  owner_.on_closed(*this, reason);
}

}  // namespace weir::downstream
