// Chunked bodies: the same data, verdict and end whole and split.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/codec/h1_body.h"

namespace weir::codec {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

using State = BodyDecoder::Step::State;

struct Outcome {
  State state = State::need_more;
  H1Error error{};
  std::string data;
  std::size_t used = 0;
  std::size_t trailers = 0;
  bool operator==(const Outcome&) const = default;
};

// `stride` bounds how many bytes arrive at once; the text itself varies it.
Outcome decode(std::string_view text, std::size_t stride) {
  BodyDecoder decoder{http::BodyLength::chunked(), {.head_bytes = 256, .field_count = 5}};
  Outcome outcome;
  std::size_t end = 0;
  while (outcome.state == State::need_more || outcome.state == State::data) {
    if (outcome.state == State::need_more) {
      if (end == text.size()) break;
      end = std::min(text.size(), end + 1 + static_cast<unsigned char>(text[end]) % stride);
    }
    const auto step = decoder.decode(text.substr(outcome.used, end - outcome.used));
    require(step.skip + step.data.size() <= end - outcome.used);
    require((step.state == State::data) == !step.data.empty());
    outcome.state = step.state;
    outcome.used += step.skip + step.data.size();
    outcome.data.append(step.data.data(), step.data.size());
    if (step.state == State::error) outcome.error = step.error;
    decoder.take(step.data.size());
  }
  outcome.trailers = decoder.trailers().size();
  return outcome;
}

}  // namespace
}  // namespace weir::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::codec;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const Outcome bytes = decode(text, 1);
  require(decode(text, 7) == bytes);
  require(decode(text, 256) == bytes);
  return 0;
}
