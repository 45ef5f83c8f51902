// Where frames begin in a connection's bytes, seen before nghttp2 acts on them: what it ignores or
// answers by itself costs us as well, and it does not report all of that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace weir::codec {

inline constexpr std::size_t h2_preface_size = 24;
inline constexpr std::size_t h2_frame_head_size = 9;

// RFC 9113, 4.1 and 6; RFC 9218, 7.1.
struct H2FrameHead {
  enum class Type : std::uint8_t {
    data = 0,
    headers = 1,
    priority = 2,
    rst_stream = 3,
    settings = 4,
    push_promise = 5,
    ping = 6,
    goaway = 7,
    window_update = 8,
    continuation = 9,
    priority_update = 16,
  };
  std::uint32_t length = 0;  // of the payload
  Type type = Type::data;
  std::uint8_t flags = 0;

  bool end_stream() const { return (flags & 0x1U) != 0; }
  bool end_headers() const { return (flags & 0x4U) != 0; }
  bool opens_or_continues_head() const {
    return type == Type::headers || type == Type::continuation;
  }
};

class H2Frames {
 public:
  // `preface` bytes come before the first frame.
  explicit H2Frames(std::size_t preface) : preface_(preface) {}

  struct Step {
    std::size_t taken = 0;            // at least one byte
    std::optional<H2FrameHead> head;  // of the frame whose head ends with them
  };
  Step next(std::span<const char> bytes);

  // The preface, or a header block, has not ended.
  bool in_head() const { return preface_ > 0 || (in_block_ && (!block_ends_ || payload_ > 0)); }

 private:
  H2FrameHead read();

  std::size_t preface_;
  std::size_t payload_ = 0;  // still to come
  std::array<std::uint8_t, h2_frame_head_size> head_{};
  std::size_t gathered_ = 0;
  bool in_block_ = false;    // the last frame was HEADERS or CONTINUATION
  bool block_ends_ = false;  // and had END_HEADERS
};

}  // namespace weir::codec
