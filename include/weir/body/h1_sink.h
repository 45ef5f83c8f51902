// An HTTP/1.1 body as it goes out: a Sink over a channel's output.
#pragma once

#include <cstdint>

#include "weir/base/ready_queue.h"
#include "weir/http/message.h"
#include "weir/http/stream.h"
#include "weir/net/channel.h"

namespace weir::body {

class H1Sink final : public http::Sink {
 public:
  enum class State : std::uint8_t {
    resting,
    open,
    finished,
    failed  // the connection broke, or the body was not what its head had announced
  };

  H1Sink(net::Channel& channel, ReadyQueue& ready) : channel_(channel), ready_(ready) {}

  // The head has been written to the channel's output; a body framed like that follows. With
  // `until_close` the bytes are raw and finish() ends our side of the connection.
  void begin(http::BodyLength length);
  void rest() { state_ = State::resting; }

  void write(std::span<const char> bytes) override;
  void finish(const http::Fields* trailers) override;
  void flush() override { channel_.flush(); }
  bool blocked() const override { return channel_.blocked(); }
  bool failed() const override { return state_ == State::failed || channel_.output_broken(); }
  void wake_on_writable(Wakeable* writer) override { writer_ = writer; }

  // The channel has drained, or broke.
  void on_drained() {
    if (writer_ != nullptr) ready_.schedule(*writer_);
  }
  State state() const { return state_; }
  bool finished() const { return state_ == State::finished; }

 private:
  net::Channel& channel_;
  ReadyQueue& ready_;
  http::BodyLength length_;
  std::uint64_t remaining_ = 0;  // of a known length
  State state_ = State::resting;
  Wakeable* writer_ = nullptr;
};

}  // namespace weir::body
