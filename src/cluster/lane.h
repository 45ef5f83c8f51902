// Members that take traffic, drawn in proportion to their weights in constant time.
#pragma once

#include <cstdint>
#include <vector>

#include "member.h"

namespace weir::cluster {

class Lane {
 public:
  void assign(std::vector<Member*> members);
  std::vector<Member*> take() { return std::move(members_); }

  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  // Whether some member is another than `exclude`.
  bool has_other(const Endpoint* exclude) const {
    return members_.size() > 1 || (!members_.empty() && members_.front() != exclude);
  }

  // By chance (Vose's alias method, 1991), never `exclude`. There must be another.
  Member& draw(const Endpoint* exclude, Random& random) const;
  // A second one that is different where there is any.
  Member& draw_beside(const Member& first, const Endpoint* exclude, Random& random) const;
  // In turn: a member takes its turn when its weight, relative to the heaviest and reduced while
  // it ramps, has added up to one.
  Member& next(Instant now);

 private:
  struct Alias {
    double own;  // the probability of staying in this column
    std::uint32_t other;
  };
  std::size_t draw_index(Random& random) const;
  void compile_aliases();
  std::vector<Member*> members_;
  std::vector<Alias> aliases_;  // empty when all weights are equal
  double heaviest_ = 1;
  std::size_t turn_ = 0;
};

}  // namespace weir::cluster
