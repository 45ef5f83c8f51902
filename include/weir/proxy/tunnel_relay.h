// Two connections joined: what either side sends the other gets, and when it has sent its last byte
// the other is told so while the way back stays open.
//
//   resting --(start)-----------------------------> moving
//   resting --(the caller's connection broke)-----> caller_broke
//   moving  --(both sides have ended in order)----> ended
//   moving  --(the caller's connection broke)-----> caller_broke
//   moving  --(the upstream's connection broke)---> upstream_broke
//   upstream_broke --(give_up_upstream)-----------> resting
//
// While it rests, the caller's first bytes are taken, at most `first_piece` of them, so that he is
// seen to go before an upstream is there.
// Nothing is read from one side while the other has not taken what was read before. An idle tunnel
// holds no buffer: a worker has one, into which every side reads and from which is sent at once;
// what the other side does not take is kept aside. After `bulk_after` bytes in one go that came in
// large pieces, bytes between two plain sockets move through a kernel pipe, as long as they keep
// coming like that: a copy less for each, at the price of two descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weir/base/ready_queue.h"
#include "weir/base/units.h"
#include "weir/net/kernel_pipe.h"
#include "weir/net/transport.h"

namespace weir::proxy {

// What the tunnels of one worker share; outlives them.
struct RelaySpace {
  std::vector<char> buffer = std::vector<char>(64UL * 1024);
  net::KernelPipes pipes;
};

class TunnelRelay {
 public:
  enum class State : std::uint8_t { resting, moving, ended, caller_broke, upstream_broke };
  enum Side : std::uint8_t { caller, upstream };

  static constexpr std::size_t first_piece = 16UL * 1024;
  static constexpr std::size_t large_piece = 16UL * 1024;
  static constexpr std::size_t bulk_after = 64UL * 1024;

  // `owner` is scheduled when the state changes, and when the upstream's first byte has come.
  TunnelRelay(RelaySpace& space, ReadyQueue& ready, Wakeable& owner);
  TunnelRelay(const TunnelRelay&) = delete;
  TunnelRelay& operator=(const TunnelRelay&) = delete;
  ~TunnelRelay();

  // Whose tunnel it is.
  void own(std::unique_ptr<net::Transport> transport);
  void start(std::unique_ptr<net::Transport> upstream);

  State state() const { return state_; }
  // Bytes that `side` has sent us.
  std::uint64_t bytes_from(Side side) const { return lanes_[side].bytes; }
  // Whether a byte has gone to the upstream, or come from it.
  bool begun() const { return bytes_from(upstream) > 0 || lanes_[caller].taken > 0; }
  // Grows with every byte that either side has sent us or taken from us.
  std::uint64_t progress() const;
  // Closes the upstream's connection and waits for start() with another one. Only when nothing has
  // begun; what the caller sends meanwhile is kept.
  void give_up_upstream();
  // Closes both, so that neither side takes what it got for the whole.
  void reset();

 private:
  // What one side sends, on its way to the other.
  struct Lane {
    enum class Stage : std::uint8_t { resting, reading, sending, ended };
    Stage stage = Stage::resting;
    bool awaited = false;  // a read is outstanding
    bool last = false;     // the source has sent its last byte
    std::string rest;      // what the sink has not taken
    std::size_t sent = 0;  // of the rest
    std::unique_ptr<net::KernelPipe> pipe;
    std::size_t bulk = 0;     // bytes in large pieces since the last small one
    std::uint64_t bytes = 0;  // that the source has sent
    std::uint64_t taken = 0;  // by the sink
  };
  // One side's transport as it reports: it is the source of one lane and the sink of the other.
  class End final : public net::TransportEvents {
   public:
    End(TunnelRelay& relay, Side side) : relay_(relay), side_(side) {}
    void on_read(net::ReadResult result) override { relay_.on_read(side_, result); }
    void on_writable() override { relay_.on_writable(side_); }

   private:
    TunnelRelay& relay_;
    Side side_;
  };

  static constexpr Side other(Side side) { return side == caller ? upstream : caller; }
  void on_read(Side source, net::ReadResult result);
  void on_writable(Side sink);
  void take(Side source, std::size_t count);
  void keep(Side source, std::size_t count);
  void read(Side source);
  void read_ahead();
  void push(Side source);
  net::WriteResult send(Lane& lane, net::Transport& sink);
  net::WriteResult write(Lane& lane, net::Transport& sink, std::span<const char> bytes);
  void after_sending(Side source);
  void broke(Side side) { become(side == caller ? State::caller_broke : State::upstream_broke); }
  void become(State state);
  void give_back(Lane& lane) { space_.pipes.give_back(std::move(lane.pipe)); }

  RelaySpace& space_;
  ReadyQueue& ready_;
  Wakeable& owner_;
  std::array<End, 2> ends_{End{*this, caller}, End{*this, upstream}};
  std::array<std::unique_ptr<net::Transport>, 2> transports_;
  std::array<Lane, 2> lanes_;  // by the side that sends
  State state_ = State::resting;
};

}  // namespace weir::proxy
