// A hash that is the same in every process and release (xxHash64): cohorts, sticky keys and
// consistent hashing agree across sidecars and restarts because of it.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed = 0);

// The hash as a position in [0, 1).
double stable_position(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace weir
