// Bytes in the order in which they came, in one block of the worker's cache (base/recycle.h): a
// stream that holds nothing holds no memory, and one that holds little does not reach the heap.
#pragma once

#include <cstddef>
#include <span>

namespace weir::body {

class H2Bytes {
 public:
  H2Bytes() = default;
  H2Bytes(const H2Bytes&) = delete;
  H2Bytes& operator=(const H2Bytes&) = delete;
  ~H2Bytes() { clear(); }

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  // Valid until the next change.
  std::span<const char> all() const { return {block_ + begin_, size()}; }
  void append(std::span<const char> bytes);
  // `count` is at most size().
  void drop(std::size_t count);
  void clear();

 private:
  void make_room(std::size_t count);

  char* block_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace weir::body
