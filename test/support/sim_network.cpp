#include "support/sim_network.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "support/sim_scope.h"

namespace weir::sim {

SimTransport::SimTransport(std::shared_ptr<Link> link, Address peer, Holdings& holdings, Side side)
    : link_(std::move(link)), side_(side), peer_(peer), holdings_(holdings) {
  ++holdings_.transports;
  link_->attach(side_, *this);
}

SimTransport::~SimTransport() {
  const Scope scope{Whose::world};
  --holdings_.transports;
  link_->close(side_, closing_);
}

void SimTransport::read(std::span<char> into) {
  const Scope scope{Whose::world};
  into_ = into;
  if (!link_->readable(side_).empty() || link_->ended(side_) || link_->broken(side_)) {
    link_->poke(side_);
  }
}

net::ReadResult SimTransport::take() {
  World& world = link_->world();
  if (world.operation_fails()) {
    link_->cut();
    return {0, net::IoError::reset};
  }
  const std::string_view bytes = link_->readable(side_);
  if (bytes.empty()) {
    return {0, link_->broken(side_) ? net::IoError::reset : net::IoError::none};
  }
  std::size_t count = std::min(bytes.size(), into_.size());
  if (link_->traits().ragged && world.random().chance(percent(50))) {
    count = 1 + world.random().below(count);
  }
  std::memcpy(into_.data(), bytes.data(), count);
  link_->consume(side_, count);
  return {count, net::IoError::none};
}

void SimTransport::on_arrival() {
  if (into_.empty()) return;
  if (link_->readable(side_).empty() && !link_->ended(side_) && !link_->broken(side_)) {
    return;
  }
  const net::ReadResult result = take();
  into_ = {};
  const Scope scope{Whose::proxy};
  events_->on_read(result);
}

net::WriteResult SimTransport::write(std::span<const iovec> pieces) {
  const Scope scope{Whose::world};
  if (link_->broken(side_)) return {0, net::IoError::reset};
  if (link_->world().operation_fails()) {
    link_->cut();
    return {0, net::IoError::reset};
  }
  net::WriteResult result;
  for (const iovec& piece : pieces) {
    const std::string_view bytes{static_cast<const char*>(piece.iov_base), piece.iov_len};
    const std::size_t taken = link_->send(side_, bytes);
    result.bytes += taken;
    if (taken < bytes.size()) break;
  }
  return result;
}

void SimTransport::wait_writable() {
  const Scope scope{Whose::world};
  link_->want_space(side_);
}

void SimTransport::on_space() {
  const Scope scope{Whose::proxy};
  events_->on_writable();
}

void SimTransport::shutdown_send() {
  const Scope scope{Whose::world};
  link_->end(side_);
}

class SimConnector::Attempt final : public net::Connecting {
 public:
  Attempt(const Address& to, net::ConnectEvents& events, Holdings& holdings)
      : to_(to), events_(events), holdings_(holdings) {
    ++holdings_.connecting;
  }
  ~Attempt() override {
    --holdings_.connecting;
    *self_ = nullptr;
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  // Points here as long as somebody waits.
  const std::shared_ptr<Attempt*>& self() const { return self_; }
  const Address& to() const { return to_; }
  net::ConnectEvents& events() { return events_; }
  bool reached() const override { return reached_; }
  void reach() { reached_ = true; }

 private:
  std::shared_ptr<Attempt*> self_ = std::make_shared<Attempt*>(this);
  Address to_;
  net::ConnectEvents& events_;
  Holdings& holdings_;
  bool reached_ = false;
};

std::unique_ptr<net::Connecting> SimConnector::connect(const net::Target& to,
                                                       net::ConnectEvents& events) {
  const Scope scope{Whose::world};
  auto attempt = std::make_unique<Attempt>(to.address, events, holdings_);
  const auto found = at_.find(to.address);
  const Duration delay = found == at_.end() ? Duration{} : found->second->delay();
  world_.after(delay, [this, self = attempt->self()] {
    if (*self != nullptr) complete(**self);
  });
  return attempt;
}

void SimConnector::complete(Attempt& attempt) {
  using Answer = Listening::Answer;
  const auto found = at_.find(attempt.to());
  Answer answer = found == at_.end() ? Answer::refuse : found->second->answer();
  if (world_.operation_fails()) answer = Answer::refuse;
  std::unique_ptr<net::Transport> transport;
  net::ConnectError error = net::ConnectError::none;
  switch (answer) {
    case Answer::black_hole: return;
    case Answer::no_handshake: return attempt.reach();
    case Answer::refuse: error = net::ConnectError::refused; break;
    case Answer::unreachable: error = net::ConnectError::unreachable; break;
    case Answer::accept: {
      auto link = std::make_shared<Link>(world_, found->second->traits());
      found->second->accept(link);
      transport = std::make_unique<SimTransport>(std::move(link), attempt.to(), holdings_);
    }
  }
  const Scope scope{Whose::proxy};
  attempt.events().on_connect(std::move(transport), error);
}

}  // namespace weir::sim
