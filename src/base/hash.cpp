#include "weir/base/hash.h"

#include <xxhash.h>

namespace weir {

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) {
  return XXH64(bytes.data(), bytes.size(), seed);
}

double stable_position(std::string_view bytes, std::uint64_t seed) {
  return static_cast<double>(stable_hash(bytes, seed) >> 11U) * 0x1.0p-53;
}

}  // namespace weir
