// An accepted connection: finds out what it speaks, then is that.
//
//   detecting --(client preface of HTTP/2)--> h2      detecting --(any other first byte)--> h1
//   detecting --(end, broken, idle timeout, drain)--> closed
//
// It drains when it is told to, or when what it was let in by is no longer good.
//
// What was agreed upon in a TLS handshake (ALPN) is taken at its word from the first byte on.
// The preface is what RFC 9113, 3.4 begins a connection with; bytes that can still become one are
// waited for, no longer than a head may take. The protocol object is made with the first bytes, so
// a connection that says nothing holds next to nothing.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "weir/base/intrusive.h"
#include "weir/base/random.h"
#include "weir/base/scheduler.h"
#include "weir/downstream/stream.h"
#include "weir/net/channel.h"
#include "weir/net/closed.h"
#include "weir/policy/service.h"

namespace weir::downstream {

class Connection;

// Who owns connections and destroys those that have closed.
class ConnectionOwner {
 public:
  virtual void on_closed(Connection& connection, net::Closed reason) = 0;

 protected:
  ~ConnectionOwner() = default;
};

// In which a request that was on its way when the drain began is still answered.
inline constexpr Duration drain_grace = std::chrono::seconds{1};
// For which a connection that we have ended is still read, so that a reset does not destroy our
// last words (RFC 9112, 9.6).
inline constexpr Duration linger_time = std::chrono::seconds{2};

// What a protocol is made of; all of it outlives the protocol.
struct Accepted {
  Connection& connection;
  net::Channel& channel;
  Scheduler& scheduler;
  const policy::Limits& limits;
  Handler& handler;
  Random& random;
};

// What a connection speaks. Hears of its channel's events, the first bytes included.
class Protocol : public net::ChannelEvents {
 public:
  virtual ~Protocol() = default;
  // No new requests beyond a short grace; closes after those in progress.
  virtual void drain() = 0;
};

// What the connections of one worker share; outlives them.
struct ConnectionServices {
  Scheduler& scheduler;
  Random& random;  // makes the keys of bridged WebSockets
};

// What a listener gives us.
struct Incoming {
  // Most connections are addressed to the listener itself.
  template <std::derived_from<net::Transport> T>
  explicit(false) Incoming(std::unique_ptr<T> connection, std::optional<Address> meant_for = {},
                           std::optional<Instant> good_until = {})
      : transport(std::move(connection)), destination(meant_for), until(good_until) {}

  std::unique_ptr<net::Transport> transport;
  std::optional<Address> destination;  // see Stream::destination()
  std::optional<Instant> until;        // when it drains by itself; none: never
};

class Connection final : private net::ChannelEvents, private Wakeable, public Listed {
 public:
  // `handler` and `owner` outlive the connection. The limits are those of the configuration in
  // force when it was accepted.
  Connection(Incoming incoming, const ConnectionServices& services, const policy::Limits& limits,
             Handler& handler, ConnectionOwner& owner);

  void drain();
  const std::optional<Address>& destination() const { return destination_; }
  // For the protocol, once: it has finished with the channel, which ends with the connection. The
  // owner is told, and destroys the connection later, from the loop's top level.
  void close(net::Closed reason);

 private:
  void on_input() override;
  void on_drained() override;
  void wake() override;
  void detect();
  void speak(std::unique_ptr<Protocol> protocol);
  void speak_h1();
  void speak_h2();
  Accepted accepted() { return {*this, channel_, scheduler_, limits_, handler_, random_}; }

  Scheduler& scheduler_;
  policy::Limits limits_;
  Handler& handler_;
  ConnectionOwner& owner_;
  Random& random_;
  std::optional<Address> destination_;
  net::Channel channel_;
  std::unique_ptr<Protocol> protocol_;  // null while detecting
  Timer timer_{*this};                  // while detecting
  Timer end_timer_{*this};
  Instant first_byte_{};
  bool begun_ = false;  // something has arrived
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace weir::downstream
