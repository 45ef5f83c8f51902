#include "weir/proxy/replay.h"

#include "weir/proxy/forwarding.h"

namespace weir::proxy {

http::Pull Replay::pull() {
  if (position_ == kept_.size()) {
    const http::Pull pulled = origin_.pull();
    if (pulled.state == http::Pull::State::end) check_trailers();
    return pulled;
  }
  return {http::Pull::State::data, std::span{kept_}.subspan(position_)};
}

void Replay::check_trailers() {
  const http::Fields* trailers = origin_.trailers();
  if (!identity_header_ || honest_trailers_ || trailers == nullptr) return;
  if (!has_claims(*trailers, *identity_header_)) return;
  honest_trailers_ = *trailers;
  remove_claims(*honest_trailers_, *identity_header_);
}

void Replay::consume(std::size_t count) {
  if (position_ < kept_.size()) {
    position_ += count;
    return;
  }
  if (replay_ == resilience::Replay::possible) {
    if (kept_.size() + count <= limit_.value) {
      const auto bytes = origin_.pull().bytes.first(count);
      kept_.insert(kept_.end(), bytes.begin(), bytes.end());
      position_ = kept_.size();
    } else {
      settle();
    }
  }
  origin_.consume(count);
}

void Replay::settle() {
  replay_ = resilience::Replay::body_dropped;
  if (position_ == kept_.size()) {
    kept_ = {};
    position_ = 0;
  }
}

}  // namespace weir::proxy
