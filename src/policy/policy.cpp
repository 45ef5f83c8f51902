#include <algorithm>
#include <array>

#include "weir/policy/interception.h"
#include "weir/policy/match.h"
#include "weir/policy/upstream.h"

namespace weir::policy {

bool Pattern::matches(std::string_view value) const {
  switch (kind) {
    case Kind::any: return true;
    case Kind::exact: return value == text;
    case Kind::prefix: return value.starts_with(text);
    case Kind::suffix: return value.ends_with(text);
  }
  return false;
}

Address home_source(Address::Family family) {
  if (family == Address::Family::v4) return Address::v4({127, 0, 0, 6}, 0);
  return Address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0);
}

std::optional<Address> twin_of(const Address& listen) {
  constexpr std::array<std::array<std::uint8_t, 4>, 2> short_ones{{{127, 0, 0, 1}, {0, 0, 0, 0}}};
  const std::array<std::array<std::uint8_t, 16>, 2> long_ones{
      {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, {}}};
  for (std::size_t kind = 0; kind < short_ones.size(); ++kind) {
    const Address v4 = Address::v4(short_ones[kind], listen.port());
    const Address v6 = Address::v6(long_ones[kind], listen.port());
    if (listen == v4) return v6;
    if (listen == v6) return v4;
  }
  return std::nullopt;
}

bool Failover::retries(FailoverOn what) const { return std::ranges::find(on, what) != on.end(); }

}  // namespace weir::policy
