// A body as it comes in on an HTTP/2 stream: a Source that holds at most one stream window.
#pragma once

#include "weir/base/ready_queue.h"
#include "weir/body/h2_bytes.h"
#include "weir/codec/h2_session.h"
#include "weir/http/stream.h"

namespace weir::body {

class H2Source final : public http::Source {
 public:
  // `stream` is whose bytes these are; the session outlives its use (codec/h2_session.h).
  H2Source(codec::H2Session& session, codec::H2Stream& stream, ReadyQueue& ready)
      : session_(session), stream_(stream), ready_(ready) {}

  http::Pull pull() override;
  void consume(std::size_t count) override;  // opens the stream's window again while it is open
  void wake_on_readable(Wakeable* reader) override { reader_ = reader; }
  const http::Fields* trailers() const override { return trailers_.empty() ? nullptr : &trailers_; }

  // From the stream's events; each wakes the reader.
  void deliver(std::span<const char> bytes);
  void end(const http::Fields* trailers);
  // Cut off: what was delivered can still be pulled, then `failed`. Does nothing after end().
  void fail();

  // Everything has arrived, though perhaps not been pulled.
  bool ended() const { return state_ == http::Pull::State::end; }
  std::size_t buffered() const { return buffer_.size(); }

 private:
  void wake();

  codec::H2Session& session_;
  codec::H2Stream& stream_;
  ReadyQueue& ready_;
  Wakeable* reader_ = nullptr;
  H2Bytes buffer_;
  http::Pull::State state_ = http::Pull::State::pending;  // what comes after the buffer
  http::Fields trailers_;
};

}  // namespace weir::body
