// Strong types for quantities that would otherwise be bare integers.
#pragma once

#include <compare>
#include <cstdint>

namespace weir {

// A number of bytes. Limits and sizes in policy are of this type.
struct Bytes {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes kibibytes(std::uint64_t count) { return {count << 10U}; }
constexpr Bytes mebibytes(std::uint64_t count) { return {count << 20U}; }

// A share between 0 and 1 (YAML: `10%`). Stored as given; users check the range where they read it.
struct Ratio {
  double value = 0;
  constexpr auto operator<=>(const Ratio&) const = default;
};

constexpr Ratio percent(double count) { return {count / 100.0}; }

}  // namespace weir
