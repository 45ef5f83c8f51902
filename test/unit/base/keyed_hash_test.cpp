#include "weir/base/keyed_hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

namespace weir {
namespace {

// The paper's key 00 01 ... 0f, and its message 00 01 ... of growing length.
constexpr HashKey paper{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

std::string counting(std::size_t size) {
  std::string text;
  while (text.size() < size) text.push_back(static_cast<char>(text.size()));
  return text;
}

TEST(KeyedHash, gives_the_vectors_of_the_paper) {
  EXPECT_EQ(keyed_hash(paper, counting(0)), 0x726fdb47dd0e0e31ULL);
  EXPECT_EQ(keyed_hash(paper, counting(1)), 0x74f839c593dc67fdULL);
  EXPECT_EQ(keyed_hash(paper, counting(8)), 0x93f5f5799a932462ULL);
  EXPECT_EQ(keyed_hash(paper, counting(15)), 0xa129ca6149be45e5ULL);
}

TEST(KeyedHash, of_two_words_is_that_of_their_bytes) {
  if constexpr (std::endian::native == std::endian::little) {
    EXPECT_EQ(keyed_hash(paper, paper.first, paper.second), keyed_hash(paper, counting(16)));
  }
}

TEST(KeyedHash, differs_with_the_key) {
  EXPECT_NE(keyed_hash(random_hash_key(), "id"), keyed_hash(random_hash_key(), "id"));
}

}  // namespace
}  // namespace weir
