// Bytes on their way from one socket to another that never enter user space (splice(2)).
//
// A pipe costs two descriptors and up to `size` of kernel memory while it is full, so they are lent
// out by each worker, `most` at once, and a few empty ones are kept.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "weir/net/descriptor.h"

namespace weir::net {

class KernelPipe {
 public:
  // Null when the kernel refuses.
  static std::unique_ptr<KernelPipe> make();

  // What it holds: the transports that move the bytes keep count.
  std::size_t held() const { return held_; }
  void filled(std::size_t bytes) { held_ += bytes; }
  void drained(std::size_t bytes) { held_ -= bytes; }
  int read_end() const { return read_end_.number(); }
  int write_end() const { return write_end_.number(); }

  static constexpr std::size_t size = 512UL * 1024;
  // Who has many gets less of the kernel (pipe(7), pipe-user-pages-soft). Copying is cheaper than
  // what is smaller than this.
  static constexpr std::size_t smallest = 64UL * 1024;

 private:
  KernelPipe(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}
  Descriptor read_end_;
  Descriptor write_end_;
  std::size_t held_ = 0;
};

class KernelPipes {
 public:
  static constexpr std::size_t default_most = 512;
  static constexpr std::size_t kept = 16;
  static constexpr std::size_t rests = 256;

  explicit KernelPipes(std::size_t most = default_most) : most_(most) {}

  // Null when all are lent out, or the kernel has refused one in the last `rests` calls.
  std::unique_ptr<KernelPipe> take();
  // One that still holds bytes is thrown away with them.
  void give_back(std::unique_ptr<KernelPipe> pipe);
  std::size_t lent() const { return lent_; }

 private:
  std::size_t most_;
  std::size_t lent_ = 0;
  std::size_t resting_ = 0;  // so many calls more
  std::vector<std::unique_ptr<KernelPipe>> spare_;
};

}  // namespace weir::net
