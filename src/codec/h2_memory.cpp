#include "h2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>

#include "weir/base/recycle.h"

namespace weir::codec {
namespace {

// Before every block: its whole size, which recycled_free() wants to know.
struct alignas(std::max_align_t) Preamble {
  std::size_t size;
};

Preamble* preamble_of(void* block) { return static_cast<Preamble*>(block) - 1; }

void* allocate(std::size_t size, void* /*unused*/) {
  if (size > std::numeric_limits<std::size_t>::max() - sizeof(Preamble)) return nullptr;
  const std::size_t whole = size + sizeof(Preamble);
  try {
    return new (recycled_allocate(whole)) Preamble{whole} + 1;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void release(void* block, void* /*unused*/) {
  if (block == nullptr) return;
  Preamble* const preamble = preamble_of(block);
  recycled_free(preamble, preamble->size);
}

void* allocate_zeroed(std::size_t count, std::size_t size, void* /*unused*/) {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* const block = allocate(count * size, nullptr);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* reallocate(void* block, std::size_t size, void* /*unused*/) {
  if (block == nullptr) return allocate(size, nullptr);
  const std::size_t held = preamble_of(block)->size - sizeof(Preamble);
  void* const larger = allocate(size, nullptr);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, std::min(held, size));
  release(block, nullptr);
  return larger;
}

constinit nghttp2_mem memory{nullptr, allocate, release, allocate_zeroed, reallocate};

}  // namespace

nghttp2_mem* h2_memory() { return &memory; }

}  // namespace weir::codec
