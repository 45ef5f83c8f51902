#include "weir/proxy/pipe.h"

namespace weir::proxy {
void Pipe::start(http::Source& source, http::Sink& sink, std::optional<Bytes> limit) {
  source_ = &source;
  sink_ = &sink;
  limit_ = limit;
  state_ = State::moving;
  bytes_ = 0;
  source.wake_on_readable(this);
  sink.wake_on_writable(this);
  pump();
}

void Pipe::detach() {
  if (source_ != nullptr) source_->wake_on_readable(nullptr);
  if (sink_ != nullptr) sink_->wake_on_writable(nullptr);
  source_ = nullptr;
  sink_ = nullptr;
  unlink();
}

void Pipe::reset() {
  detach();
  state_ = State::resting;
  bytes_ = 0;
}

void Pipe::pump() {
  if (state_ != State::moving || source_ == nullptr) return;
  state_ = step();
  if (state_ == State::moving) return;
  detach();
  ready_.schedule(owner_);
}

// One step moves at most what the source has buffered, so that nobody beside it starves.
Pipe::State Pipe::step() {
  for (;;) {
    if (sink_->failed()) return State::sink_failed;
    if (sink_->blocked()) return State::moving;
    const http::Pull pulled = source_->pull();
    switch (pulled.state) {
      case http::Pull::State::pending: sink_->flush(); return State::moving;
      case http::Pull::State::failed: return State::source_failed;
      case http::Pull::State::end:
        sink_->finish(source_->trailers());
        return sink_->failed() ? State::sink_failed : State::ended;
      case http::Pull::State::data:
        bytes_ += pulled.bytes.size();
        if (limit_ && bytes_ > limit_->value) return State::over_limit;
        sink_->write(pulled.bytes);
        source_->consume(pulled.bytes.size());
    }
  }
}

}  // namespace weir::proxy
