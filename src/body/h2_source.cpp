#include "weir/body/h2_source.h"

namespace weir::body {

using State = http::Pull::State;

http::Pull H2Source::pull() {
  if (buffer_.empty()) return {state_, {}};
  return {State::data, buffer_.all()};
}

void H2Source::consume(std::size_t count) {
  buffer_.drop(count);
  if (count > 0 && stream_.open()) session_.consumed(stream_, count);
}

void H2Source::deliver(std::span<const char> bytes) {
  if (state_ != State::pending) return;
  buffer_.append(bytes);
  wake();
}

void H2Source::end(const http::Fields* trailers) {
  if (state_ != State::pending) return;
  state_ = State::end;
  if (trailers != nullptr) trailers_ = *trailers;
  wake();
}

void H2Source::fail() {
  if (state_ != State::pending) return;
  state_ = State::failed;
  wake();
}

void H2Source::wake() {
  if (reader_ != nullptr) ready_.schedule(*reader_);
}

}  // namespace weir::body
