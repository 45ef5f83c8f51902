// An HTTP/1.1 body as it comes in: a Source over a channel's input.
#pragma once

#include "weir/base/ready_queue.h"
#include "weir/codec/h1_body.h"
#include "weir/http/stream.h"
#include "weir/net/channel.h"

namespace weir::body {

class H1Source final : public http::Source {
 public:
  H1Source(net::Channel& channel, ReadyQueue& ready, codec::H1Limits limits)
      : channel_(channel), ready_(ready), decoder_(http::BodyLength::none(), limits) {}

  // The head has been consumed; a body of that length follows.
  void begin(http::BodyLength length) { decoder_.reset(length); }

  http::Pull pull() override;
  void consume(std::size_t count) override;
  void wake_on_readable(Wakeable* reader) override { reader_ = reader; }
  const http::Fields* trailers() const override {
    return decoder_.trailers().empty() ? nullptr : &decoder_.trailers();
  }

  // The channel has more input, or its end.
  void on_input() {
    if (reader_ != nullptr) ready_.schedule(*reader_);
  }
  // After pull() said `failed`: why the framing was refused; cut_off for a connection that ended.
  codec::H1Error error() const { return error_; }
  // Everything has been pulled; what follows in the channel is the next message.
  bool ended() const { return decoder_.ended(); }

 private:
  net::Channel& channel_;
  ReadyQueue& ready_;
  codec::BodyDecoder decoder_;
  codec::H1Error error_ = codec::H1Error::cut_off;
  Wakeable* reader_ = nullptr;
};

}  // namespace weir::body
