#include "weir/upstream/h2_connection.h"

#include <utility>

#include "weir/upstream/connect_failure.h"

namespace weir::upstream {
namespace {

using resilience::Failure;

// What one write takes at most.
constexpr std::size_t write_size = 64UL * 1024;

}  // namespace

H2Connection::H2Connection(PoolServices& services, H2Owner& owner, const net::Target& target,
                           const policy::Pool& policy)
    : services_(services),
      owner_(owner),
      ends_{target.address, target.source},
      policy_(policy),
      session_(codec::H2Session::Role::client, {}, *this, services.scheduler.now()),
      began_(services.scheduler.now()) {
  connecting_ = services_.connector.connect(target, *this);
}

H2Connection::H2Connection(PoolServices& services, H2Owner& owner,
                           std::unique_ptr<net::Transport> transport, const Ends& ends,
                           const policy::Pool& policy)
    : services_(services),
      owner_(owner),
      ends_(ends),
      policy_(policy),
      session_(codec::H2Session::Role::client, {}, *this, services.scheduler.now()),
      began_(services.scheduler.now()) {
  net::ChannelEvents& events = *this;
  channel_.emplace(std::move(transport), services_.scheduler.ready(), events);
}

bool H2Connection::turned_away() const {
  return channel_ && channel_->tls() != nullptr && channel_->tls()->turned_us_away;
}

H2Stream& H2Connection::join(Wakeable& watcher) {
  auto* stream = new H2Stream{*this, services_, watcher};
  streams_.push_back(*stream);
  ++count_;
  idle_timer_.disarm();
  if (standing_ != Standing::connecting) {
    stream->on_connected();
    find_standing();
  }
  return *stream;
}

bool H2Connection::has_room() const {
  if (reason_ || standing_ == Standing::closed || count_ >= policy_.streams) return false;
  return standing_ == Standing::connecting ? count_ < streams_at_first : session_.may_open();
}

void H2Connection::on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  connecting_.reset();
  count_handshake(services_.recorder, transport.get(), error);
  if (error != net::ConnectError::none) {
    while (!streams_.empty()) streams_.front().fail(failure_of(error));
    return;
  }
  net::ChannelEvents& events = *this;
  channel_.emplace(std::move(transport), services_.scheduler.ready(), events);
  begin();
}

void H2Connection::begin() {
  services_.recorder.upstream_opened(owner_.upstream());
  find_standing();
  for (H2Stream& stream : streams_) stream.on_connected();
  on_output();
}

void H2Connection::on_input() {
  if (const auto bytes = channel_->input(); !bytes.empty()) {
    received_ += bytes.size();
    session_.receive(bytes, services_.scheduler.now());
    channel_->consume(bytes.size());
    silent_since_.reset();
    if (count_ > 0) silent_since_ = services_.scheduler.now();
  }
  switch (channel_->input_state()) {
    case net::Channel::Input::open: on_output(); break;
    case net::Channel::Input::ended:
      lost_ = true;
      close(count_ == 0 ? net::Closed::peer : net::Closed::error);
      break;
    case net::Channel::Input::broken:
      lost_ = true;
      close(net::Closed::error);
      break;
  }
}

// A connection that takes nothing any more may still hold answers: its end comes with the input's.
void H2Connection::on_drained() {
  if (channel_->output_broken()) decline(net::Closed::error);
  on_output();
}

void H2Connection::on_flood(codec::H2Flood flood) {
  services_.recorder.upstream_flood(owner_.upstream(), codec::name_of(flood));
  decline(net::Closed::error);
}

void H2Connection::on_capacity() {
  // What a server sends first are its SETTINGS; upgrades have waited for them.
  if (!settings_came_ && received_ > 0) {
    settings_came_ = true;
    for (auto next = streams_.begin(); next != streams_.end();) (next++)->on_settings();
  }
  find_standing();
  on_output();
}

void H2Connection::on_request() {
  if (!silent_since_) silent_since_ = services_.scheduler.now();
  if (++requests_ >= policy_.requests) decline(net::Closed::limit);
  find_standing();
}

void H2Connection::on_reset_sent() {
  services_.recorder.upstream_reset_sent(owner_.upstream());
  const bool silent = silent_since_ && services_.scheduler.now() - *silent_since_ >= silence_limit;
  if (++resets_ >= resets_limit) decline(net::Closed::limit);
  if (silent) decline(net::Closed::error);
}

void H2Connection::leave(H2Stream& stream) {
  stream.unlist();
  --count_;
  if (standing_ == Standing::connecting) {
    if (count_ == 0) close(net::Closed::drain);
    return;
  }
  find_standing();
  on_output();
}

void H2Connection::retire(net::Closed reason) {
  decline(reason);
  if (count_ == 0 && standing_ == Standing::leaving) end(reason);
}

void H2Connection::decline(net::Closed reason) {
  if (!reason_) reason_ = reason;
  find_standing();
  on_output();
}

void H2Connection::end_turn() {
  if (!channel_ || standing_ == Standing::closed) return;
  flush();
  if (standing_ != Standing::closed) judge();
}

void H2Connection::flush() {
  while (!channel_->blocked() && !channel_->output_broken()) {
    session_.send(channel_->output(), write_size);
    if (channel_->unsent() == 0) return;
    channel_->flush_at_once();
  }
}

void H2Connection::judge() {
  if (session_.over()) {
    return close(count_ > 0 ? net::Closed::error : reason_.value_or(net::Closed::peer));
  }
  find_standing();
  if (count_ > 0) return;
  if (standing_ == Standing::leaving) return end(*reason_);
  // The resets of streams that were given up are still on their way.
  if (session_.streams() > 0) return;
  if (!session_.may_open()) return end(net::Closed::peer);
  rest();
}

void H2Connection::rest() {
  if (idle_timer_.armed()) return;
  if (!owner_.may_rest(*this)) return end(net::Closed::limit);
  channel_->rest();
  services_.scheduler.arm_in(idle_timer_,
                             services_.random.jittered(policy_.idle_timeout, idle_jitter));
}

void H2Connection::wake() {
  if (count_ == 0 && standing_ != Standing::closed) end(net::Closed::idle);
}

void H2Connection::end(net::Closed reason) {
  session_.terminate(codec::H2Error::no_error);
  flush();
  close(reason);
}

void H2Connection::close(net::Closed reason) {
  if (standing_ == Standing::closed) return;
  standing_ = Standing::closed;
  idle_timer_.disarm();
  connecting_.reset();
  if (channel_) services_.recorder.upstream_closed(owner_.upstream(), reason);
  session_.abandon(codec::H2Error::internal_error);
  // Those that had asked for nothing yet.
  while (!streams_.empty()) streams_.front().fail(Failure::stream_refused);
  owner_.on_closed(*this);
}

void H2Connection::find_standing() {
  if (standing_ == Standing::closed || !channel_) return;
  const auto room =
      count_ < policy_.streams && session_.may_open() ? Standing::roomy : Standing::full;
  const auto found = reason_ ? Standing::leaving : room;
  if (std::exchange(standing_, found) != found) owner_.on_standing(*this);
}

}  // namespace weir::upstream
