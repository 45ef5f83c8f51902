// A simulated TCP connection: two lanes of bytes with latency, bandwidth and a window.
//
// As in TCP, what is sent to somebody who has closed is answered by a reset, closing with unread
// bytes resets, and what was sent before an end or a reset arrives before it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "support/sim_world.h"

namespace weir::sim {

enum class Side : std::uint8_t { proxy, peer };
constexpr Side other(Side side) { return side == Side::proxy ? Side::peer : Side::proxy; }

struct LinkTraits {
  Duration latency = std::chrono::microseconds{200};  // one way
  std::size_t window = 64UL * 1024;                   // bytes under way and unread, each way
  std::uint64_t bytes_per_second = 0;                 // 0 is unlimited, in this world only
  bool ragged = false;                                // short writes and reads, split by chance
};

class LinkEvents {
 public:
  virtual void on_arrival() = 0;  // bytes, the end, or a reset
  virtual void on_space() = 0;    // asked for by want_space()

 protected:
  ~LinkEvents() = default;
};

enum class Closing : std::uint8_t { orderly, reset };

class Link final : public std::enable_shared_from_this<Link> {
 public:
  Link(World& world, LinkTraits traits);

  void attach(Side side, LinkEvents& events);
  const LinkTraits& traits() const { return traits_; }
  World& world() { return world_; }

  // Takes what fits into the window.
  std::size_t send(Side from, std::string_view bytes);
  void want_space(Side from);
  void end(Side from);
  // `side` hears of nothing any more.
  void close(Side side, Closing closing);
  // Both sides find it reset, at once.
  void cut();

  std::string_view readable(Side side) const;
  void consume(Side side, std::size_t count);
  bool ended(Side side) const { return lane(side).ended && readable(side).empty(); }
  bool broken(Side side) const { return lane(side).broken; }
  // on_arrival() in an event of its own.
  void poke(Side side);
  // Bytes sent and not yet read by `side`.
  std::size_t held(Side side) const { return lane(side).bytes.size() - lane(side).read; }

 private:
  enum class Kind : std::uint8_t { data, end, reset };
  struct Flight {
    Instant arrives;
    Kind kind;
    std::size_t bytes;
  };
  // What flows towards one side.
  struct Lane {
    std::string bytes;
    std::size_t read = 0;
    std::size_t arrived = 0;
    std::deque<Flight> flights;
    Instant last{};
    bool sender_ended = false;
    bool ended = false;
    bool broken = false;
    bool wanted = false;  // the sender waits for space
    bool closed = false;  // the reader has gone
    LinkEvents* reader = nullptr;
  };

  Lane& lane(Side reader) { return lanes_[static_cast<std::size_t>(reader)]; }
  const Lane& lane(Side reader) const { return lanes_[static_cast<std::size_t>(reader)]; }
  void launch(Side towards, Kind kind, std::size_t bytes);
  void arrive(Side side);
  void give_space(Side sender);

  World& world_;
  LinkTraits traits_;
  std::array<Lane, 2> lanes_;
};

}  // namespace weir::sim
