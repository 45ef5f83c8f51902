// SipHash-2-4 (Aumasson and Bernstein, 2012): a hash that nobody can predict without the key, so
// that peers can neither choose keys that collide nor make up tags. Not the same in two processes;
// base/hash.h is.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

struct HashKey {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

// A key from the operating system.
HashKey random_hash_key();

std::uint64_t keyed_hash(const HashKey& key, std::string_view bytes);
// As the hash of the sixteen bytes of both, in the machine's order.
std::uint64_t keyed_hash(const HashKey& key, std::uint64_t first, std::uint64_t second);

}  // namespace weir
