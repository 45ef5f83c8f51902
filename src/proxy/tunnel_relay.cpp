#include "weir/proxy/tunnel_relay.h"

#include <utility>

namespace weir::proxy {

TunnelRelay::TunnelRelay(RelaySpace& space, ReadyQueue& ready, Wakeable& owner)
    : space_(space), ready_(ready), owner_(owner) {}

TunnelRelay::~TunnelRelay() {
  // A transport may still refer to the pipe that it reads into.
  for (auto& transport : transports_) transport.reset();
  for (Lane& lane : lanes_) give_back(lane);
}

void TunnelRelay::own(std::unique_ptr<net::Transport> transport) {
  transports_[caller] = std::move(transport);
  transports_[caller]->deliver_to(ends_[caller]);
  lanes_[caller].stage = Lane::Stage::reading;
  read_ahead();
}

// For as long as there is room, so that it is seen when he goes.
void TunnelRelay::read_ahead() {
  Lane& lane = lanes_[caller];
  if (lane.awaited || lane.last || lane.rest.size() >= first_piece) return;
  lane.awaited = true;
  transports_[caller]->read(std::span{space_.buffer}.first(first_piece - lane.rest.size()));
}

void TunnelRelay::start(std::unique_ptr<net::Transport> to) {
  transports_[upstream] = std::move(to);
  transports_[upstream]->deliver_to(ends_[upstream]);
  state_ = State::moving;
  read(upstream);
  // An end that has been handed on already was for another upstream.
  if (lanes_[caller].stage != Lane::Stage::reading) push(caller);
}

std::uint64_t TunnelRelay::progress() const {
  std::uint64_t all = 0;
  for (const Lane& lane : lanes_) all += lane.bytes + lane.taken;
  return all;
}

void TunnelRelay::give_up_upstream() {
  state_ = State::resting;
  transports_[upstream].reset();
  give_back(lanes_[upstream]);
  lanes_[upstream] = {};
  read_ahead();
}

void TunnelRelay::reset() {
  for (auto& transport : transports_) {
    if (transport) transport->reset_on_close();
    transport.reset();
  }
}

void TunnelRelay::on_read(Side source, net::ReadResult result) {
  if (state_ != State::moving && state_ != State::resting) return;
  Lane& lane = lanes_[source];
  lane.awaited = false;
  if (result.error != net::IoError::none) return broke(source);
  if (result.end()) {
    lane.last = true;
  } else {
    if (source == upstream && lane.bytes == 0) ready_.schedule(owner_);
    lane.bytes += result.bytes;
    lane.bulk = result.bytes < large_piece ? 0 : lane.bulk + result.bytes;
  }
  if (state_ == State::resting || lane.stage == Lane::Stage::sending) {
    keep(source, result.bytes);
    if (state_ == State::resting) read_ahead();
  } else if (lane.last) {
    after_sending(source);
  } else if (lane.pipe) {
    push(source);
  } else {
    take(source, result.bytes);
  }
}

void TunnelRelay::on_writable(Side sink) {
  if (lanes_[other(sink)].stage == Lane::Stage::sending) push(other(sink));
}

// Behind what is kept already.
void TunnelRelay::keep(Side source, std::size_t count) {
  lanes_[source].rest.append(space_.buffer.data(), count);
  lanes_[source].stage = Lane::Stage::sending;
}

// From the worker's buffer, which the next event may fill again.
void TunnelRelay::take(Side source, std::size_t count) {
  Lane& lane = lanes_[source];
  const auto written =
      write(lane, *transports_[other(source)], std::span{space_.buffer}.first(count));
  if (written.bytes == count) return after_sending(source);
  lane.rest.assign(space_.buffer.data() + written.bytes, count - written.bytes);
  lane.sent = 0;
  lane.stage = Lane::Stage::sending;
  if (written.error != net::IoError::none) return broke(other(source));
  transports_[other(source)]->wait_writable();
}

void TunnelRelay::push(Side source) {
  if (state_ != State::moving) return;
  Lane& lane = lanes_[source];
  net::Transport& sink = *transports_[other(source)];
  while (lane.sent < lane.rest.size() || (lane.pipe && lane.pipe->held() > 0)) {
    const auto written = send(lane, sink);
    if (written.error != net::IoError::none) return broke(other(source));
    if (written.bytes > 0) continue;
    lane.stage = Lane::Stage::sending;
    return sink.wait_writable();
  }
  after_sending(source);
}

net::WriteResult TunnelRelay::send(Lane& lane, net::Transport& sink) {
  if (lane.pipe && lane.pipe->held() > 0) {
    const auto written = sink.splice_out(*lane.pipe);
    lane.taken += written.bytes;
    return written;
  }
  const auto written = write(lane, sink, std::span{lane.rest}.subspan(lane.sent));
  lane.sent += written.bytes;
  return written;
}

net::WriteResult TunnelRelay::write(Lane& lane, net::Transport& sink, std::span<const char> bytes) {
  // Transports only read from the piece.
  const iovec piece{.iov_base = const_cast<char*>(bytes.data()),  // NOLINT(*-const-cast)
                    .iov_len = bytes.size()};
  const auto written = sink.write({&piece, 1});
  lane.taken += written.bytes;
  return written;
}

void TunnelRelay::after_sending(Side source) {
  Lane& lane = lanes_[source];
  if (!lane.last) return read(source);
  lane.stage = Lane::Stage::ended;
  transports_[other(source)]->shutdown_send();
  if (lanes_[other(source)].stage == Lane::Stage::ended) become(State::ended);
}

void TunnelRelay::read(Side source) {
  Lane& lane = lanes_[source];
  lane.stage = Lane::Stage::reading;
  if (lane.sent > 0) {
    lane.rest = {};  // gives the memory back
    lane.sent = 0;
  }
  if (std::exchange(lane.awaited, true)) return;
  net::Transport& from = *transports_[source];
  if (lane.bulk < bulk_after || !from.splices() || !transports_[other(source)]->splices()) {
    give_back(lane);
    return from.read(space_.buffer);
  }
  if (!lane.pipe) lane.pipe = space_.pipes.take();
  if (!lane.pipe) return from.read(space_.buffer);
  from.splice_in(*lane.pipe);
}

void TunnelRelay::become(State state) {
  state_ = state;
  ready_.schedule(owner_);
}

}  // namespace weir::proxy
