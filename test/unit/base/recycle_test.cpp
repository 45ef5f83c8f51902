#include "weir/base/recycle.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace weir {
namespace {

TEST(Recycle, gives_a_freed_block_to_the_next_of_its_size_class) {
  release_recycled();
  void* const first = recycled_allocate(100);
  recycled_free(first, 100);
  void* const other_class = recycled_allocate(129);
  EXPECT_NE(other_class, first);
  void* const second = recycled_allocate(128);  // 65 to 128 bytes are one class
  EXPECT_EQ(second, first);
  recycled_free(second, 128);
  recycled_free(other_class, 129);
}

TEST(Recycle, blocks_of_every_size_are_whole_and_aligned) {
  constexpr std::array<std::size_t, 12> sizes{0,    1,    63,   64,   65,   4095,
                                              4096, 8128, 8129, 8192, 8193, 1'000'000};
  for (int round = 0; round < 2; ++round) {
    std::set<void*> held;
    for (const std::size_t size : sizes) {
      void* const block = recycled_allocate(size);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0U);
      EXPECT_TRUE(held.insert(block).second) << size;
      std::memset(block, round, size);
      recycled_free(block, size);
      held.erase(block);
    }
  }
}

TEST(Recycle, blocks_in_use_are_never_given_again) {
  std::set<void*> held;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(held.insert(recycled_allocate(64)).second);
  for (void* const block : held) recycled_free(block, 64);
  std::set<void*> again;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(again.insert(recycled_allocate(64)).second);
  for (void* const block : again) recycled_free(block, 64);
  release_recycled();
}

TEST(Recycle, a_block_may_be_freed_on_another_thread) {
  release_recycled();
  void* const block = recycled_allocate(64);
  void* given = nullptr;
  std::thread other{[&] {
    release_recycled();
    recycled_free(block, 64);
    given = recycled_allocate(64);
    recycled_free(given, 64);
  }};
  other.join();
  EXPECT_EQ(given, block);
}

struct Small : Recycled {
  std::array<char, 40> bytes{};
};
struct Large : Small {
  std::array<char, 400> more{};
};

TEST(Recycle, objects_are_freed_with_their_own_size) {
  release_recycled();
  auto* const large = new Large;
  void* const block = large;
  delete large;
  void* const again = recycled_allocate(sizeof(Large));
  EXPECT_EQ(again, block);
  recycled_free(again, sizeof(Large));
}

}  // namespace
}  // namespace weir
