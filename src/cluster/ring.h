// Consistent hashing with bounded loads (Karger et al. 1997; Mirrokni, Thorup and Zadimoghaddam
// 2016) on a ring of points.
//
// A member's points depend on its address alone, so every process agrees, and a member that comes
// or goes moves only its own keys. Members that take no traffic are stepped over.
#pragma once

#include <cstdint>
#include <vector>

#include "member.h"

namespace weir::cluster {

class Ring {
 public:
  void assign(const std::vector<Member*>& members);
  void clear() { points_.clear(); }

  struct Key {
    std::uint64_t hash = 0;
    const Endpoint* exclude = nullptr;
    double calls_per_weight = 0;  // outstanding calls by the weight of those that take traffic
    bool may_probe = false;
    bool heeds_checks = true;  // unwell members are stepped over
  };
  // Null when nobody takes traffic. O(log points) and a few steps.
  Member* find(const Key& key, Instant now) const;

 private:
  struct Point {
    std::uint64_t position;
    Member* member;
  };
  std::vector<Point> points_;
};

}  // namespace weir::cluster
