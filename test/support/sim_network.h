// The proxy's side of the simulated network: net::Transport and net::Connector over links.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "support/sim_link.h"
#include "weir/net/transport.h"

namespace weir::sim {

// How many transports the proxy holds; a test ends with none.
struct Holdings {
  std::size_t transports = 0;
  std::size_t connecting = 0;
};

class SimTransport final : public net::Transport, private LinkEvents {
 public:
  // `side`: which end of the link a proxy stands at; the peer's where two proxies meet.
  SimTransport(std::shared_ptr<Link> link, Address peer, Holdings& holdings,
               Side side = Side::proxy);
  ~SimTransport() override;

  void deliver_to(net::TransportEvents& events) override { events_ = &events; }
  void read(std::span<char> into) override;
  net::WriteResult write(std::span<const iovec> pieces) override;
  void wait_writable() override;
  void shutdown_send() override;
  void reset_on_close() override { closing_ = Closing::reset; }
  const Address& peer() const override { return peer_; }
  const Address& local() const override { return local_; }

 private:
  void on_arrival() override;
  void on_space() override;
  net::ReadResult take();

  std::shared_ptr<Link> link_;
  Side side_;
  Address peer_;
  Address local_ = Address::v4({127, 0, 0, 1}, 15001);
  Holdings& holdings_;
  net::TransportEvents* events_ = nullptr;
  std::span<char> into_;
  Closing closing_ = Closing::orderly;
};

// Somebody that can be connected to.
class Listening {
 public:
  // no_handshake: accepts the connection and does not secure it.
  enum class Answer : std::uint8_t { accept, refuse, black_hole, unreachable, no_handshake };
  // Asked when the connection is attempted.
  virtual Answer answer() = 0;
  virtual Duration delay() = 0;
  virtual LinkTraits traits() = 0;
  virtual void accept(std::shared_ptr<Link> link) = 0;

 protected:
  ~Listening() = default;
};

class SimConnector final : public net::Connector {
 public:
  SimConnector(World& world, Holdings& holdings) : world_(world), holdings_(holdings) {}

  void listen(const Address& address, Listening& listening) { at_[address] = &listening; }
  // Where nobody listens the connection is refused.
  std::unique_ptr<net::Connecting> connect(const net::Target& to,
                                           net::ConnectEvents& events) override;

 private:
  class Attempt;
  void complete(Attempt& attempt);

  World& world_;
  Holdings& holdings_;
  std::unordered_map<Address, Listening*> at_;
};

}  // namespace weir::sim
