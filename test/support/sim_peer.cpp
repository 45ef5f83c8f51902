#include "support/sim_peer.h"

#include <algorithm>
#include <utility>

namespace weir::sim {

Peer::Peer(std::shared_ptr<Link> link) : link_(std::move(link)) {
  link_->attach(Side::peer, *this);
}

Peer::~Peer() { close(); }

void Peer::send(std::string_view bytes) {
  if (!open_) return;
  outbox_.append(bytes);
  push();
}

void Peer::push() {
  if (!open_ || link_->broken(Side::peer)) return;
  while (!outbox_.empty()) {
    const std::size_t taken = link_->send(Side::peer, outbox_);
    if (taken == 0) return link_->want_space(Side::peer);
    outbox_.erase(0, taken);
  }
  if (ending_) link_->end(Side::peer);
}

void Peer::end() {
  ending_ = true;
  push();
}

void Peer::reset() {
  if (std::exchange(open_, false)) link_->close(Side::peer, Closing::reset);
}

void Peer::close() {
  if (std::exchange(open_, false)) link_->close(Side::peer, Closing::orderly);
}

void Peer::resume() {
  paused_ = false;
  link_->poke(Side::peer);
}

void Peer::on_arrival() {
  if (!open_ || paused_) return;
  const std::string bytes{link_->readable(Side::peer)};
  link_->consume(Side::peer, bytes.size());
  if (!bytes.empty()) on_bytes(bytes);
  if (!open_ || paused_ || over_) return;
  if (link_->broken(Side::peer)) {
    over_ = true;
    on_reset();
  } else if (link_->ended(Side::peer)) {
    over_ = true;
    on_end();
  }
}

namespace {
constexpr std::size_t period = 64;
constexpr char letter(std::size_t place) {
  return static_cast<char>('0' + static_cast<char>((place + place / period) % period));
}
}  // namespace

std::string body_of(std::size_t size, std::size_t offset) {
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; ++i) body[i] = letter(offset + i);
  return body;
}

bool is_body(std::string_view bytes, std::size_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != letter(offset + i)) return false;
  }
  return true;
}

}  // namespace weir::sim
