// A bounded queue of bytes between one producer and one consumer, in whole lines.
//
// Whenever it has run empty it begins anew at its front: as long as the consumer keeps up, both use
// the same few pages, which stay in the cache, whatever the capacity.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <string_view>

namespace weir::telemetry {

class LogRing {
 public:
  // `capacity` is a power of two. The memory is not touched before it is used.
  explicit LogRing(std::size_t capacity)
      : capacity_(capacity), bytes_(std::make_unique_for_overwrite<char[]>(capacity)) {}

  // Producer: all of `line` or nothing.
  bool push(std::string_view line) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    const std::size_t waits = head - tail_.load(std::memory_order_acquire);
    if (line.size() > capacity_ - waits) return false;
    // The consumer has read all and looks at `front_` only after it has seen a later head.
    if (waits == 0) front_.store(head, std::memory_order_relaxed);
    const std::size_t place = place_of(head);
    const std::size_t before_wrap = std::min(line.size(), capacity_ - place);
    std::memcpy(&bytes_[place], line.data(), before_wrap);
    std::memcpy(&bytes_[0], line.data() + before_wrap, line.size() - before_wrap);
    // Sequentially consistent, as empty() is: see Bell in access_log.cpp.
    head_.store(head + line.size(), std::memory_order_seq_cst);
    return true;
  }
  // Producer: how many bytes wait.
  std::size_t size() const {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed);
  }

  // Consumer: everything that waits, in at most two pieces, always ending with a whole line.
  std::array<std::string_view, 2> peek() const {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t size = head_.load(std::memory_order_acquire) - tail;
    const std::size_t place = place_of(tail);
    const std::size_t before_wrap = std::min(size, capacity_ - place);
    return {std::string_view{&bytes_[place], before_wrap},
            std::string_view{&bytes_[0], size - before_wrap}};
  }
  void pop(std::size_t size) {
    tail_.store(tail_.load(std::memory_order_relaxed) + size, std::memory_order_release);
  }
  // Either side.
  bool empty() const {
    return head_.load(std::memory_order_seq_cst) == tail_.load(std::memory_order_acquire);
  }

 private:
  std::size_t place_of(std::size_t position) const {
    return (position - front_.load(std::memory_order_relaxed)) & (capacity_ - 1);
  }

  // Positions only grow; the distance between them is what waits. The padding keeps the two threads
  // off each other's cache line.
  const std::size_t capacity_;
  const std::unique_ptr<char[]> bytes_;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::atomic<std::size_t> front_{0};  // the position that is kept at the front of `bytes_`
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace weir::telemetry
