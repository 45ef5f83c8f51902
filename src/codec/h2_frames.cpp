#include "h2_frames.h"

#include <algorithm>
#include <cstring>

namespace weir::codec {

H2Frames::Step H2Frames::next(std::span<const char> bytes) {
  std::size_t& rest = preface_ > 0 ? preface_ : payload_;
  if (rest > 0) {
    const std::size_t skipped = std::min(rest, bytes.size());
    rest -= skipped;
    return {.taken = skipped, .head = std::nullopt};
  }
  const std::size_t count = std::min(h2_frame_head_size - gathered_, bytes.size());
  std::memcpy(&head_[gathered_], bytes.data(), count);
  gathered_ += count;
  if (gathered_ < h2_frame_head_size) return {.taken = count, .head = std::nullopt};
  return {.taken = count, .head = read()};
}

H2FrameHead H2Frames::read() {
  gathered_ = 0;
  H2FrameHead head;
  head.length = (std::uint32_t{head_[0]} << 16U) | (std::uint32_t{head_[1]} << 8U) | head_[2];
  head.type = static_cast<H2FrameHead::Type>(head_[3]);
  head.flags = head_[4];
  payload_ = head.length;
  in_block_ = head.opens_or_continues_head();
  block_ends_ = head.end_headers();
  return head;
}

}  // namespace weir::codec
