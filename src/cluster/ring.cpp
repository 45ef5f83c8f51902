#include "ring.h"

#include <algorithm>
#include <cmath>

#include "weir/base/hash.h"

namespace weir::cluster {
namespace {

// More points spread load more evenly; few hundred thousand are a few megabytes.
constexpr std::size_t most_points = 1U << 18U;
constexpr std::size_t most_per_member = 128;
constexpr std::size_t least_per_member = 8;
// A member takes a key while it holds at most this many times the average, and a few calls more,
// so that little traffic does not scatter.
constexpr double most_load = 1.25;
constexpr double free_load = 4;

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 33U)) * 0xff51afd7ed558ccdULL;
  return value ^ (value >> 29U);
}

// The keys that return first while a member ramps are always the same, so that they stay.
bool key_has_returned(const Member& member, std::uint64_t hash, double share) {
  if (share >= 1) return true;
  return static_cast<double>(mix(hash ^ member.hash) >> 11U) * 0x1.0p-53 < share;
}

bool has_room(const Member& member, double calls_per_weight) {
  const double fair = calls_per_weight * member.facts.weight;
  return static_cast<double>(member.outstanding) < most_load * fair + free_load;
}

}  // namespace

void Ring::assign(const std::vector<Member*>& members) {
  points_.clear();
  if (members.empty()) return;
  const std::size_t per_member =
      std::clamp(most_points / members.size(), least_per_member, most_per_member);
  double heaviest = 0;
  for (const Member* member : members) heaviest = std::max(heaviest, member->facts.weight);
  for (Member* member : members) {
    const double wanted =
        std::round(static_cast<double>(per_member) * member->facts.weight / heaviest);
    const std::string text = member->facts.address.text();
    const auto count = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
    for (std::uint64_t seed = 0; seed < count; ++seed) {
      points_.push_back({stable_hash(text, seed), member});
    }
  }
  std::ranges::sort(points_, [](const Point& left, const Point& right) {
    return left.position != right.position ? left.position < right.position
                                           : left.member->hash < right.member->hash;
  });
}

Member* Ring::find(const Key& key, Instant now) const {
  // Weak keys (small integers, say) must not fall on one spot.
  const std::uint64_t position = mix(mix(key.hash));
  auto point = std::ranges::lower_bound(points_, position, {}, &Point::position);
  Member* overloaded = nullptr;
  Member* returning = nullptr;
  const Member* last = nullptr;
  for (std::size_t steps = 0; steps < points_.size(); ++steps, ++point) {
    if (point == points_.end()) point = points_.begin();
    Member& member = *point->member;
    if (&member == key.exclude || &member == last) continue;
    last = &member;
    if (key.heeds_checks && member.unwell()) continue;
    if (key.may_probe && member.health.admit_probe()) return &member;
    if (!member.health.available()) continue;
    if (!key_has_returned(member, key.hash, member.share(now))) {
      if (returning == nullptr) returning = &member;
    } else if (has_room(member, key.calls_per_weight)) {
      return &member;
    } else if (overloaded == nullptr) {
      overloaded = &member;
    }
    if (steps > 64 && (overloaded != nullptr || returning != nullptr)) break;
  }
  return overloaded != nullptr ? overloaded : returning;
}

}  // namespace weir::cluster
