#include "weir/body/h2_sink.h"

#include <algorithm>
#include <utility>

namespace weir::body {

void H2Sink::write(std::span<const char> bytes) {
  if (failed_ || finished_ || bytes.empty()) return;
  pending_.append(bytes);
  resume();
}

void H2Sink::finish(const http::Fields* trailers) {
  if (failed_ || finished_) return;
  finished_ = true;
  if (trailers != nullptr) trailers_ = *trailers;
  resume();
}

void H2Sink::resume() {
  if (std::exchange(waits_for_more_, false) && stream_.open()) session_.resume(stream_);
}

codec::H2Outgoing::Offer H2Sink::offer(std::size_t at_most) {
  const std::size_t bytes = std::min(at_most, unsent());
  const bool last = finished_ && bytes == unsent();
  waits_for_more_ = bytes == 0 && !last;
  return {bytes, last};
}

void H2Sink::take(std::size_t bytes, std::string& output) {
  const std::span<const char> taken = pending_.all().first(bytes);
  output.append(taken.data(), taken.size());
  const bool was_above = unsent() > low_water;
  pending_.drop(bytes);
  if (was_above && unsent() <= low_water && writer_ != nullptr) ready_.schedule(*writer_);
}

void H2Sink::fail() {
  if (failed_ || drained()) return;
  failed_ = true;
  pending_.clear();
  if (writer_ != nullptr) ready_.schedule(*writer_);
}

}  // namespace weir::body
