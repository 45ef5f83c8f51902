// A listening TCP socket of one worker.
//
// Every worker opens its own on the same address (SO_REUSEPORT) and the kernel spreads the
// connections. At most `accepts_per_turn` are taken at a time, so that a flood of connections does
// not starve those that exist. Out of descriptors or memory, it rests for `rest` and goes on.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "weir/base/address.h"
#include "weir/base/timer_queue.h"
#include "weir/net/arrival.h"
#include "weir/net/descriptor.h"
#include "weir/net/loop.h"
#include "weir/net/transport.h"

namespace weir::net {

class AcceptEvents {
 public:
  // From the loop's top level. The listener may be closed in here, not destroyed.
  virtual void on_accept(Arrival arrival) = 0;

 protected:
  ~AcceptEvents() = default;
};

// One sentence for people: what could not be done, why, and what may cure it.
struct ListenError {
  int error_number = 0;
  std::string text;
};

// A socket that listens already while nobody accepts yet. Made on any thread, so that all workers'
// sockets can be had, or none, before a configuration is handed to them.
class ListeningSocket {
 public:
  // `any_address`: also connections to addresses that are not ours, as TPROXY sends them. Needs
  // CAP_NET_ADMIN.
  enum class Reach : std::uint8_t { own_addresses, any_address };
  // Port 0 takes any free port, which address() then tells.
  static std::expected<ListeningSocket, ListenError> open(const Address& address,
                                                          Reach reach = Reach::own_addresses);
  const Address& address() const { return address_; }

  static constexpr int backlog = 4096;  // the kernel's somaxconn may lower it

 private:
  friend class Listener;
  explicit ListeningSocket(Descriptor socket);
  Descriptor socket_;
  Address address_;
};

class Listener final : private Watcher, private Wakeable {
 public:
  // Accepts from now on, on the thread of `loop`, which must outlive the listener.
  Listener(Loop& loop, ListeningSocket socket, AcceptEvents& events);
  ~Listener() override;

  // From now on also connections to addresses that are not ours; see ListeningSocket::Reach and
  // may_reach_any_address(). Those that wait already are kept.
  void reach_any_address();
  // Takes no more, once those that wait already are accepted: each goes to on_accept() in here.
  void close();
  const Address& address() const { return address_; }

  static constexpr int accepts_per_turn = 64;
  static constexpr Duration rest = std::chrono::milliseconds{100};

 private:
  enum class Taken : std::uint8_t { one, none, failed };

  void on_ready(Readiness readiness) override;
  void wake() override;
  Taken take();

  Loop& loop_;
  Descriptor socket_;
  AcceptEvents& events_;
  Address address_;
  Timer resume_;
  bool resting_ = false;  // since the last connection that could be accepted
};

// Whether nobody listens on `address` yet. SO_REUSEPORT would let a second process of the same user
// take a share of the connections silently; ask this before the first worker listens.
std::expected<void, ListenError> address_is_free(const Address& address);
// Whether this process may let a listener on `address` take connections to any address.
std::expected<void, ListenError> may_reach_any_address(const Address& address);

}  // namespace weir::net
