// A transport with one contiguous input buffer and one output buffer: what both ends of a proxied
// connection have in common.
//
// Input: one read is always outstanding while there is room, so that the peer's closing is seen
// even when nobody asks for bytes. It waits with a landing that the whole worker shares; there is
// a buffer only while something in it is unconsumed, or while the peer sends so much that it fills
// one, and then it grows. Not consuming is backpressure: at most one buffer is read ahead. Output:
// gathered until flush(), sent directly when the peer takes it; what it does not take waits, and
// the channel is blocked until it has gone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/ready_queue.h"
#include "weir/base/recycle.h"
#include "weir/net/transport.h"

namespace weir::net {

// Called from the loop's top level. The owner must not destroy the channel from within.
class ChannelEvents {
 public:
  virtual void on_input() = 0;    // more bytes, or the end, or a broken connection
  virtual void on_drained() = 0;  // no longer blocked, or broken

 protected:
  ~ChannelEvents() = default;
};

struct RecycleBytes {
  std::size_t size = 0;
  void operator()(char* bytes) const { recycled_free(bytes, size); }
};

class Channel final : private TransportEvents, private Wakeable {
 public:
  enum class Input : std::uint8_t { open, ended, broken };

  // `ready` belongs to the same loop as the transport.
  Channel(std::unique_ptr<Transport> transport, ReadyQueue& ready, ChannelEvents& events);

  // Bytes that have arrived and were not consumed; valid until consume() or the next turn.
  std::span<const char> input() const { return {buffer_.get() + begin_, end_ - begin_}; }
  Input input_state() const { return input_state_; }
  void consume(std::size_t count);
  // Makes room and reads on behind what is unconsumed. False when the buffer has reached its
  // largest size.
  bool read_more();

  // Gathers bytes to be sent.
  std::string& output() { return output_; }
  // Gathers `bytes`, or sends them from where they are when they are many.
  void write(std::span<const char> bytes);
  // Sends what was gathered at the end of the turn: the peers of a busy worker are then woken
  // together, which costs the kernel less than waking them one by one.
  void flush() { ready_.schedule_last(flusher_); }
  // The same now, for who is about to close.
  void flush_at_once();
  // Flushes, then ends our side.
  void finish_output();
  bool blocked() const { return waiting_; }
  bool output_broken() const { return output_broken_; }
  std::size_t unsent() const { return output_.size() - sent_; }
  // How many bytes the kernel has taken so far.
  std::uint64_t written() const { return written_; }

  // Gives memory back while the connection rests.
  void rest();
  void reset_on_close() { transport_->reset_on_close(); }
  const Address& peer() const { return transport_->peer(); }
  const Address& local() const { return transport_->local(); }
  const TlsPeer* tls() const { return transport_->tls(); }

  static constexpr std::size_t smallest_buffer = 4096;
  static constexpr std::size_t largest_buffer = 128UL * 1024;

 private:
  void on_read(ReadResult result) override;
  void on_writable() override;
  void wake() override { resume_input(); }
  void resume_input();
  class Flusher final : public Wakeable {
   public:
    explicit Flusher(Channel& channel) : channel_(channel) {}
    void wake() override { channel_.flush_at_once(); }

   private:
    Channel& channel_;
  };

  using Buffer = std::unique_ptr<char[], RecycleBytes>;
  static Buffer make_buffer(std::size_t size);

  // How much the buffer holds; 0 without one.
  std::size_t capacity() const { return buffer_ ? buffer_.get_deleter().size : 0; }
  void send(std::span<const char> bytes);
  void keep_rest(std::span<const char> bytes, std::size_t taken);

  std::unique_ptr<Transport> transport_;
  ReadyQueue& ready_;
  ChannelEvents& events_;
  Flusher flusher_{*this};
  Buffer buffer_;  // none: the next read waits with the landing
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string output_;
  std::size_t sent_ = 0;
  std::uint64_t written_ = 0;
  Input input_state_ = Input::open;
  bool reading_ = false;
  bool delivering_ = false;  // what consumes meanwhile does not read on before the rest is woken
  bool filled_ = false;      // the last read took all the room that it was given
  bool waiting_ = false;     // for the peer to take more
  bool ending_ = false;      // our side ends when everything has gone
  bool output_broken_ = false;
};

}  // namespace weir::net
