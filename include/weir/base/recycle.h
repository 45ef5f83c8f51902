// A per-thread cache of freed blocks for objects that come and go with every request.
//
// Blocks are kept by size class of 64 bytes up to 8 KiB, at most `kept_per_class` each; larger
// ones go straight to the heap. Memory freed on another thread joins that thread's cache.
#pragma once

#include <cstddef>

namespace weir {

void* recycled_allocate(std::size_t size);
void recycled_free(void* block, std::size_t size) noexcept;

// Gives the calling thread's cached blocks back to the heap.
void release_recycled() noexcept;

// Base class: new and delete through the cache.
struct Recycled {
  static void* operator new(std::size_t size) { return recycled_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    recycled_free(block, size);
  }
};

}  // namespace weir
