#include "weir/body/h1_sink.h"

#include "weir/codec/h1_writer.h"

namespace weir::body {

using Kind = http::BodyLength::Kind;

void H1Sink::begin(http::BodyLength length) {
  length_ = length;
  remaining_ = length.bytes;
  state_ = State::open;
}

void H1Sink::write(std::span<const char> bytes) {
  if (state_ != State::open || bytes.empty()) return;
  switch (length_.kind) {
    case Kind::none: state_ = State::failed; break;
    case Kind::known:
      // One byte more than announced would be read as the next message.
      if (bytes.size() > remaining_) {
        state_ = State::failed;
        break;
      }
      remaining_ -= bytes.size();
      channel_.write(bytes);
      break;
    case Kind::chunked:
      codec::write_chunk_header(bytes.size(), channel_.output());
      channel_.write(bytes);
      channel_.write(codec::chunk_end);
      break;
    case Kind::until_close: channel_.write(bytes); break;
  }
}

void H1Sink::finish(const http::Fields* trailers) {
  if (state_ != State::open) return;
  if (length_.kind == Kind::known && remaining_ > 0) {
    state_ = State::failed;
    return;
  }
  state_ = State::finished;
  if (length_.kind == Kind::chunked) codec::write_last_chunk(trailers, channel_.output());
  if (length_.kind == Kind::until_close) {
    channel_.finish_output();
  } else {
    channel_.flush();
  }
}

}  // namespace weir::body
