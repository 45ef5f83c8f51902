#include "weir/body/h1_source.h"

namespace weir::body {

http::Pull H1Source::pull() {
  using Step = codec::BodyDecoder::Step;
  for (;;) {
    const Step step = decoder_.decode(channel_.input());
    if (step.skip > 0) channel_.consume(step.skip);
    switch (step.state) {
      case Step::State::data: return {http::Pull::State::data, step.data};
      case Step::State::end: return {http::Pull::State::end, {}};
      case Step::State::error: error_ = step.error; return {http::Pull::State::failed, {}};
      case Step::State::need_more: break;
    }
    switch (channel_.input_state()) {
      case net::Channel::Input::open:
        // A line of framing that is larger than the largest buffer cannot be waited for.
        if (!channel_.input().empty() && !channel_.read_more()) {
          error_ = codec::H1Error::trailers_too_large;
          return {http::Pull::State::failed, {}};
        }
        return {http::Pull::State::pending, {}};
      case net::Channel::Input::ended: decoder_.close(); break;
      case net::Channel::Input::broken: return {http::Pull::State::failed, {}};
    }
  }
}

void H1Source::consume(std::size_t count) {
  decoder_.take(count);
  channel_.consume(count);
}

}  // namespace weir::body
