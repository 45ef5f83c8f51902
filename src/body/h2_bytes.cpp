#include "weir/body/h2_bytes.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "weir/base/recycle.h"

namespace weir::body {
namespace {

constexpr std::size_t smallest_block = 512;

}  // namespace

void H2Bytes::append(std::span<const char> bytes) {
  if (bytes.empty()) return;
  if (capacity_ - end_ < bytes.size()) make_room(bytes.size());
  std::memcpy(block_ + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void H2Bytes::drop(std::size_t count) {
  begin_ += std::min(count, size());
  if (begin_ == end_) clear();
}

void H2Bytes::clear() {
  if (block_ != nullptr) recycled_free(block_, capacity_);
  block_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

void H2Bytes::make_room(std::size_t count) {
  const std::size_t held = size();
  // Moving at most what has been dropped keeps the cost of a byte constant.
  if (capacity_ - held >= count && begin_ >= held) {
    std::memmove(block_, block_ + begin_, held);
  } else {
    const std::size_t capacity = std::max(std::bit_ceil(held + count), smallest_block);
    char* const block = static_cast<char*>(recycled_allocate(capacity));
    if (held > 0) std::memcpy(block, block_ + begin_, held);
    clear();
    block_ = block;
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = held;
}

}  // namespace weir::body
