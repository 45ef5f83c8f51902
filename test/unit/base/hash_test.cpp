#include "weir/base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

namespace weir {
namespace {

// From the specification of xxHash and its reference tool: other releases agree with us for ever.
TEST(StableHash, is_xxhash64) {
  EXPECT_EQ(stable_hash(""), 0xef46db3751d8e999ULL);
  EXPECT_EQ(stable_hash("a"), 0xd24ec4f1a98c6e5bULL);
  EXPECT_EQ(stable_hash("abc"), 0x44bc2cf5ad770999ULL);
}

TEST(StableHash, differs_by_seed_and_by_every_byte) {
  EXPECT_NE(stable_hash("user-1", 1), stable_hash("user-1", 2));
  EXPECT_NE(stable_hash("user-1"), stable_hash("user-2"));
  EXPECT_NE(stable_hash(std::string_view{"a\0", 2}), stable_hash("a"));
}

TEST(StableHash, positions_fill_the_half_open_interval_evenly) {
  std::array<int, 10> tenths{};
  for (int user = 0; user < 10'000; ++user) {
    const double position = stable_position("user-" + std::to_string(user), 42);
    ASSERT_GE(position, 0.0);
    ASSERT_LT(position, 1.0);
    ++tenths.at(static_cast<std::size_t>(position * 10));
  }
  const auto [least, most] = std::ranges::minmax(tenths);
  EXPECT_GT(least, 850);
  EXPECT_LT(most, 1150);
}

}  // namespace
}  // namespace weir
