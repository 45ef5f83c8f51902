#include "weir/upstream/negotiation.h"

#include <utility>

namespace weir::upstream {

void Negotiation::join(Waiter& waiter, const net::Target& target) {
  waiters_.push_back(waiter);
  if (!connecting_) connecting_ = connector_.connect(target, *this);
}

bool Negotiation::leave(Waiter& waiter) {
  waiter.unlist();
  if (!waiters_.empty() || !connecting_) return false;
  connecting_.reset();
  return true;
}

// Those who are told may come again and wait for the next connection.
void Negotiation::on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) {
  connecting_.reset();
  List<Waiter> told;
  told.swap(waiters_);
  owner_.on_connection(std::move(transport), error);
  while (!told.empty()) {
    Waiter& waiter = told.front();
    waiter.unlist();
    waiter.on_negotiated(error);
  }
}

}  // namespace weir::upstream
