#include "weir/base/recycle.h"

#include <array>
#include <new>

namespace weir {
namespace {

constexpr std::size_t class_bytes = 64;
constexpr std::size_t class_count = 129;  // the last holds 8 KiB
constexpr unsigned kept_per_class = 256;

struct FreeBlock {
  FreeBlock* next;
};

struct SizeClass {
  FreeBlock* first = nullptr;
  unsigned count = 0;
};

struct Cache {
  std::array<SizeClass, class_count> classes{};
  Cache() = default;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache() { release(); }
  void release() noexcept {
    for (SizeClass& entry : classes) {
      while (entry.first != nullptr) {
        FreeBlock* block = entry.first;
        entry.first = block->next;
        ::operator delete(block);
      }
      entry.count = 0;
    }
  }
};

thread_local Cache cache;

std::size_t class_of(std::size_t size) { return (size + class_bytes - 1) / class_bytes; }

}  // namespace

void* recycled_allocate(std::size_t size) {
  const std::size_t index = class_of(size);
  if (index >= class_count) return ::operator new(size);
  SizeClass& entry = cache.classes[index];
  if (entry.first == nullptr) return ::operator new(index * class_bytes);
  FreeBlock* block = entry.first;
  entry.first = block->next;
  --entry.count;
  return block;
}

void recycled_free(void* block, std::size_t size) noexcept {
  const std::size_t index = class_of(size);
  if (index == 0 || index >= class_count || cache.classes[index].count >= kept_per_class) {
    ::operator delete(block);
    return;
  }
  SizeClass& entry = cache.classes[index];
  entry.first = new (block) FreeBlock{entry.first};
  ++entry.count;
}

void release_recycled() noexcept { cache.release(); }

}  // namespace weir
