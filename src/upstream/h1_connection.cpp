#include "weir/upstream/h1_connection.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "weir/codec/h1_writer.h"
#include "weir/net/tls.h"

namespace weir::upstream {
namespace {

using resilience::Failure;

}  // namespace

H1Connection::H1Connection(std::unique_ptr<net::Transport> transport, const Ends& ends,
                           Scheduler& scheduler, H1Owner& owner)
    : ends_(ends),
      scheduler_(scheduler),
      owner_(owner),
      channel_(std::move(transport), scheduler.ready(), *this),
      source_(channel_, scheduler.ready(), {}),
      sink_(channel_, scheduler.ready()) {}

void H1Connection::bind(Wakeable& watcher) {
  state_ = State::busy;
  progress_ = Progress::connected;
  failure_ = Failure::none;
  watcher_ = &watcher;
  resting_ = false;
  idle_timer_.disarm();
  written_before_ = channel_.written();
}

void H1Connection::start(const http::RequestHead& head) {
  progress_ = Progress::waiting;
  ++requests_;
  method_ = head.method;
  upgrading_ = !head.upgrade.empty();
  parser_.reset(method_);
  source_.begin(http::BodyLength::none());
  if (method_ == http::Method::connect) {
    response_.clear();
    response_.status = 200;
    progress_ = Progress::head;
    scheduler_.schedule(*watcher_);
    return;
  }
  codec::write_request_head(head, channel_.output());
  sink_.begin(head.body);
  if (head.body.empty()) sink_.finish(nullptr);
}

void H1Connection::on_input() {
  switch (state_) {
    case State::idle:
      close(channel_.input_state() == net::Channel::Input::ended ? net::Closed::peer
                                                                 : net::Closed::error);
      break;
    case State::busy:
      if (progress_ == Progress::connected) {
        // Nothing has been asked, so this is the end, or not to be believed.
        fail(requests_ > 0 ? Failure::reset_reused_connection : Failure::reset_before_response);
      } else if (progress_ == Progress::waiting) {
        read_head();
      } else if (progress_ == Progress::head) {
        source_.on_input();
      }
      break;
    case State::closed: break;
  }
}

void H1Connection::read_head() {
  while (progress_ == Progress::waiting) {
    const auto parsed = parser_.parse(channel_.input());
    if (!parsed) {
      const bool too_large = parsed.error() == codec::H1Error::head_too_large ||
                             parsed.error() == codec::H1Error::too_many_fields;
      return fail(too_large ? Failure::response_too_large : Failure::malformed_response);
    }
    if (*parsed > 0) {
      if (!take_head(*parsed)) return fail(Failure::malformed_response);
      continue;
    }
    if (channel_.input_state() != net::Channel::Input::open) {
      const bool race = reused() && channel_.input().empty();
      return fail(race ? Failure::reset_reused_connection : Failure::reset_before_response);
    }
    if (!channel_.input().empty() && !channel_.read_more()) fail(Failure::response_too_large);
    return;
  }
}

bool H1Connection::take_head(std::size_t size) {
  channel_.consume(size);
  if (response_.status == 101) {
    if (!upgrading_) return false;
    progress_ = Progress::head;
  } else if (response_.informational()) {
    // `100 Continue` was ours to say and has been said.
    if (response_.status == 100) {
      parser_.reset(method_);
      return true;
    }
    progress_ = Progress::informed;
  } else {
    read_keep_alive();
    progress_ = Progress::head;
    source_.begin(response_.body);
  }
  scheduler_.schedule(*watcher_);
  return true;
}

void H1Connection::next_head() {
  progress_ = Progress::waiting;
  parser_.reset(method_);
  read_head();
}

void H1Connection::fail(Failure failure) {
  const bool turned_away = channel_.tls() != nullptr && channel_.tls()->turned_us_away;
  progress_ = Progress::failed;
  failure_ = turned_away ? Failure::tls_alert : failure;
  scheduler_.schedule(*watcher_);
}

// `Keep-Alive: timeout=5, max=100`: a second less than the endpoint would wait.
void H1Connection::read_keep_alive() {
  const auto field = response_.fields.find(http::Name::keep_alive);
  if (!field) return;
  constexpr std::string_view key = "timeout=";
  const auto found = field->find(key);
  if (found == std::string_view::npos) return;
  const std::string_view digits = field->substr(found + key.size());
  std::uint32_t announced = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), announced);
  if (error != std::errc{}) return;
  announced_ = announced > 1 ? std::chrono::seconds{announced - 1} : std::chrono::milliseconds{500};
}

void H1Connection::begin_tunnel() {
  tunnel_ = true;
  source_.begin(http::BodyLength::until_close());
  sink_.begin(http::BodyLength::until_close());
}

bool H1Connection::reusable() const {
  return (progress_ == Progress::connected || finished()) && !retired_ &&
         channel_.input().empty() && !channel_.blocked() &&
         channel_.input_state() == net::Channel::Input::open && !channel_.output_broken();
}

bool H1Connection::finished() const {
  return progress_ == Progress::head && !tunnel_ && response_.keep_alive && source_.ended() &&
         sink_.finished();
}

void H1Connection::release() {
  watcher_ = nullptr;
  source_.wake_on_readable(nullptr);
  sink_.wake_on_writable(nullptr);
  if (!reusable()) return close(reason_to_end());
  state_ = State::idle;
  channel_.rest();
  owner_.on_idle(*this);
}

net::Closed H1Connection::reason_to_end() const {
  if (retired_) return *retired_;
  return progress_ == Progress::head && source_.ended() ? net::Closed::peer : net::Closed::error;
}

void H1Connection::retire(net::Closed reason) {
  retired_ = reason;
  if (state_ == State::idle) close(reason);
}

void H1Connection::rest_for(Duration at_most) {
  resting_ = true;
  scheduler_.arm_in(idle_timer_, std::min(at_most, announced_));
}

void H1Connection::close(net::Closed reason) {
  if (state_ == State::closed) return;
  // An exchange in progress is cancelled by a reset: the endpoint should stop working on it.
  const bool asked = state_ == State::busy && progress_ != Progress::connected;
  if (asked && !source_.ended()) channel_.reset_on_close();
  state_ = State::closed;
  idle_timer_.disarm();
  owner_.on_closed(*this, reason);
}

}  // namespace weir::upstream
