#include "weir/downstream/h2_connection.h"

#include <algorithm>
#include <utility>

namespace weir::downstream {
namespace {

// What one call of the session gives at most beyond its last frame.
constexpr std::size_t send_size = 64UL * 1024;
constexpr std::uint32_t connection_window = 1024UL * 1024;
constexpr std::size_t kept_heads = 16;
// Of what comes after a goodbye. The rest is left to the kernel, whose buffers fill.
constexpr std::size_t drop_limit = 1024UL * 1024;
// A larger head is not worth its memory while nobody uses it.
constexpr std::size_t kept_head_size = 2048;

codec::H2Settings settings_of(const policy::Limits& limits) {
  codec::H2Settings settings;
  settings.concurrent_streams = limits.streams;
  settings.stream_window = static_cast<std::uint32_t>(limits.stream_window.value);
  settings.connection_window = std::max(connection_window, settings.stream_window);
  settings.head = {limits.header.value, limits.header_count, limits.target.value};
  return settings;
}

}  // namespace

H2Connection::H2Connection(const Accepted& accepted)
    : accepted_(accepted),
      session_(codec::H2Session::Role::server, settings_of(accepted.limits), *this,
               accepted.scheduler.now()) {
  send_later();
}

H2Connection::~H2Connection() {
  for (List<H2Stream>* streams : {&arrived_, &running_, &answered_, &dead_}) {
    streams->clear_and_dispose([](H2Stream* stream) { delete stream; });
  }
}

void H2Connection::on_input() {
  const auto bytes = accepted_.channel.input();
  if (phase_ < Phase::condemned && !bytes.empty()) {
    session_.receive(bytes, accepted_.scheduler.now());
    watch_head();
  } else {
    dropped_ += bytes.size();
  }
  if (dropped_ <= drop_limit) accepted_.channel.consume(bytes.size());
  hand_over();
  send_later();
}

void H2Connection::on_drained() {
  if (phase_ == Phase::lingering) accepted_.scheduler.arm_in(phase_timer_, linger_time);
  send_later();
}

// A head has its time from its own beginning, whatever came before it in the same bytes.
void H2Connection::watch_head() {
  if (!session_.in_head()) {
    section_began_.reset();
    head_timer_.disarm();
  } else if (!section_began_) {
    section_began_ = accepted_.scheduler.now();
    accepted_.scheduler.arm_in(head_timer_, accepted_.limits.header_timeout);
  }
}

codec::H2Stream* H2Connection::on_request(http::RequestHead& head) {
  const Instant first_byte =
      std::exchange(section_began_, std::nullopt).value_or(accepted_.scheduler.now());
  if (++requests_ >= accepted_.limits.requests) shut_down(net::Closed::limit);
  if (exchanges_ >= accepted_.limits.streams) return nullptr;
  ++exchanges_;
  if (phase_ == Phase::serving) phase_timer_.disarm();
  if (spares_.empty()) spares_.emplace_back();
  auto* stream = new H2Stream{*this, head, std::move(spares_.back()), first_byte};
  spares_.pop_back();
  arrived_.push_back(*stream);
  return stream;
}

void H2Connection::on_malformed(std::string_view reason) { accepted_.handler.on_malformed(reason); }

void H2Connection::on_flood(codec::H2Flood flood) {
  condemn(net::Closed::error);
  accepted_.handler.on_flood(flood);
}

void H2Connection::hand_over() {
  while (!arrived_.empty()) {
    H2Stream& stream = arrived_.front();
    stream.unlist();
    if (phase_ >= Phase::condemned) {
      --exchanges_;
      session_.reset(stream, codec::H2Error::refused_stream);
      forget(stream);
      continue;
    }
    running_.push_back(stream);
    stream.run();
    accepted_.handler.on_request(stream);
  }
}

void H2Connection::on_done(H2Stream& stream, Ending ending) {
  --exchanges_;
  stream.unlist();
  if (!stream.open()) return bury(stream);
  if (ending == Ending::aborted) {
    session_.reset(stream, codec::H2Error::internal_error);
    return forget(stream);
  }
  // Whatever of the request is still to come is not wanted (RFC 9113, 8.1).
  session_.reset(stream, codec::H2Error::no_error);
  answered_.push_back(stream);
  if (!stall_timer_.armed()) {
    accepted_.scheduler.arm_in(stall_timer_, accepted_.limits.body_timeout);
  }
}

void H2Connection::on_stream_closed(H2Stream& stream) {
  switch (stream.state()) {
    case H2Stream::State::arrived:
      --exchanges_;
      bury(stream);
      break;
    case H2Stream::State::answered: bury(stream); break;
    case H2Stream::State::running:
    case H2Stream::State::gone: break;
  }
}

void H2Connection::forget(H2Stream& stream) {
  session_.forget(stream);
  bury(stream);
}

void H2Connection::bury(H2Stream& stream) {
  stream.unlist();
  stream.leave();
  dead_.push_back(stream);
  send_later();
}

void H2Connection::send() {
  net::Channel& channel = accepted_.channel;
  while (talking() && !channel.blocked() && !channel.output_broken() && session_.wants_to_send()) {
    session_.send(channel.output(), send_size);
    if (channel.unsent() == 0) break;
    channel.flush_at_once();
  }
  settle();
}

// A caller that takes nothing of anything is told to calm down. Where it takes other responses, or
// others are still being made, only what it leaves lying is given up.
void H2Connection::check_for_stall() {
  const Duration patience = accepted_.limits.body_timeout;
  const Instant now = accepted_.scheduler.now();
  const bool lively = exchanges_ > 0 || now - progress_ < patience;
  std::optional<Instant> next_due;
  for (auto next = answered_.begin(); next != answered_.end();) {
    H2Stream& stream = *next++;
    const Instant due = stream.progress() + patience;
    if (due > now) {
      next_due = std::min(due, next_due.value_or(due));
    } else if (lively) {
      session_.reset(stream, codec::H2Error::cancel);
      forget(stream);
    } else {
      condemn(net::Closed::timeout);
      return session_.accuse(codec::H2Flood::window_stall);
    }
  }
  if (next_due) accepted_.scheduler.arm(stall_timer_, *next_due);
}

void H2Connection::wake() {
  if (head_timer_.fired()) {
    head_timer_.disarm();
    accepted_.handler.on_request_timeout();
    condemn(net::Closed::timeout);
    session_.terminate(codec::H2Error::enhance_your_calm);
  }
  if (stall_timer_.fired()) {
    stall_timer_.disarm();
    if (talking()) check_for_stall();
  }
  if (phase_timer_.fired()) {
    phase_timer_.disarm();
    on_phase_timer();
  }
  send_later();
}

void H2Connection::on_phase_timer() {
  switch (phase_) {
    case Phase::serving: shut_down(net::Closed::idle); break;
    case Phase::notified: refuse(); break;
    case Phase::refusing:
    case Phase::condemned:
    case Phase::lingering: leave(net::Closed::error); break;
    case Phase::gone:
    case Phase::closed: break;
  }
}

void H2Connection::drain() { shut_down(net::Closed::drain); }

void H2Connection::shut_down(net::Closed reason) {
  if (phase_ != Phase::serving) return;
  phase_ = Phase::notified;
  reason_ = reason;
  accepted_.scheduler.arm_in(phase_timer_, drain_grace);
  session_.begin_shutdown();
}

void H2Connection::refuse() {
  phase_ = Phase::refusing;
  session_.finish_shutdown();
}

// Whoever does not even take the GOAWAY has the time that a slow body has.
void H2Connection::condemn(net::Closed reason) {
  if (phase_ >= Phase::condemned) return;
  phase_ = Phase::condemned;
  reason_ = reason;
  head_timer_.disarm();
  accepted_.scheduler.arm_in(phase_timer_, accepted_.limits.body_timeout);
}

void H2Connection::linger() {
  phase_ = Phase::lingering;
  // A goodbye in order waits for the streams.
  if (!reason_ && session_.streams() > 0) reason_ = net::Closed::error;
  session_.abandon(codec::H2Error::cancel);
  accepted_.channel.finish_output();
  const bool unsent = accepted_.channel.unsent() > 0;
  accepted_.scheduler.arm_in(phase_timer_, unsent ? accepted_.limits.body_timeout : linger_time);
}

void H2Connection::leave(net::Closed reason) {
  if (talking()) session_.abandon(codec::H2Error::cancel);
  phase_ = Phase::gone;
  if (!reason_) reason_ = reason;
  phase_timer_.disarm();
  head_timer_.disarm();
  stall_timer_.disarm();
}

void H2Connection::settle() {
  dead_.clear_and_dispose([this](H2Stream* stream) {
    http::RequestHead& head = stream->spent_head();
    if (spares_.size() < kept_heads && head.fields.text_size() <= kept_head_size) {
      head.clear();
      spares_.push_back(std::move(head));
    }
    delete stream;
  });
  const auto input = accepted_.channel.input_state();
  const bool input_over = input != net::Channel::Input::open;
  if (talking() && !input_over && session_.over()) linger();
  if ((talking() || phase_ == Phase::lingering) &&
      (input_over || accepted_.channel.output_broken())) {
    leave(input == net::Channel::Input::ended ? net::Closed::peer : net::Closed::error);
  }
  if (phase_ == Phase::gone && exchanges_ == 0) {
    phase_ = Phase::closed;
    return accepted_.connection.close(*reason_);
  }
  await_end();
}

// While there is nothing to do: for how long that may be so.
void H2Connection::await_end() {
  if (phase_ != Phase::serving && phase_ != Phase::refusing) return;
  if (!empty()) return phase_timer_.disarm();
  accepted_.channel.rest();
  if (phase_timer_.armed()) return;
  const bool serving = phase_ == Phase::serving;
  accepted_.scheduler.arm_in(
      phase_timer_, serving ? accepted_.limits.idle_timeout : accepted_.limits.body_timeout);
}

}  // namespace weir::downstream
