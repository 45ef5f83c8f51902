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

void TunnelRelay::start(std::unique_ptr<net::Transport> to) {
  transports_[upstream] = std::move(to);
  state_ = State::moving;
  for (const Side side : {caller, upstream}) transports_[side]->deliver_to(ends_[side]);
  for (const Side side : {caller, upstream}) {
    if (lanes_[side].stage == Lane::Stage::resting) read(side);
    if (lanes_[side].stage == Lane::Stage::sending) push(side);
  }
}

void TunnelRelay::give_up_upstream() {
  state_ = State::resting;
  transports_[upstream].reset();
  lanes_[upstream] = {};
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
  if (result.error != net::IoError::none) return broke(source);
  if (result.end()) {
    lane.last = true;
  } else {
    if (source == upstream && lane.bytes == 0) ready_.schedule(owner_);
    lane.bytes += result.bytes;
    lane.bulk = result.bytes < large_piece ? 0 : lane.bulk + result.bytes;
  }
  if (state_ == State::resting) {
    lane.rest.assign(space_.buffer.data(), result.bytes);
    lane.stage = Lane::Stage::sending;
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

// From the worker's buffer, which the next event may fill again.
void TunnelRelay::take(Side source, std::size_t count) {
  Lane& lane = lanes_[source];
  const iovec piece{.iov_base = space_.buffer.data(), .iov_len = count};
  const auto written = transports_[other(source)]->write({&piece, 1});
  if (written.error != net::IoError::none) return broke(other(source));
  if (written.bytes == count) return after_sending(source);
  lane.rest.assign(space_.buffer.data() + written.bytes, count - written.bytes);
  lane.sent = 0;
  lane.stage = Lane::Stage::sending;
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
  if (lane.pipe && lane.pipe->held() > 0) return sink.splice_out(*lane.pipe);
  const iovec piece{.iov_base = lane.rest.data() + lane.sent,
                    .iov_len = lane.rest.size() - lane.sent};
  const auto written = sink.write({&piece, 1});
  lane.sent += written.bytes;
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
