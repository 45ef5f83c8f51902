// Who among some members gets the next call: the balancing policies, zones, ramps and probation.
//
// Lists are made when endpoints or their health change, so that a choice takes constant time.
//
// Zones: with `prefer_zone`, calls stay in our own zone while enough of it is healthy: of the
// calls, 1.4 times the share of its members that take traffic, at most all. Under load a balancing
// policy that looks at cost also compares one member elsewhere, which wins when it is less than
// half as expensive. Consistent hashing ignores zones, because all callers have to agree.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lane.h"
#include "ring.h"
#include "weir/policy/upstream.h"

namespace weir::cluster {

struct Choice {
  std::uint64_t hash = 0;
  const Endpoint* exclude = nullptr;
  enum class Attempt : std::uint8_t { first, second };
  Attempt attempt = Attempt::first;
  bool may_probe = true;
  std::string_view avoided_zone;  // for a second attempt: where the first one was
  Duration usual{};               // the upstream's median
  Instant now{};
};

class Selection {
 public:
  // The members must outlive their place here. `zone` is our own.
  void compile(std::vector<Member*> members, const policy::Balance& balance,
               const std::string& zone);
  // After some member's health has changed.
  void refresh();

  // Null when nobody but `exclude` takes traffic.
  Member* choose(const Choice& choice, Random& random);
  bool has_other(const Endpoint* exclude) const;
  std::size_t available() const { return near_.size() + far_.size(); }
  const std::vector<Member*>& members() const { return members_; }

  std::uint32_t outstanding = 0;  // calls at all members

 private:
  double calls_per_weight() const;
  bool is_near(const Member& member) const;
  Member* choose_probe(const Choice& choice);
  Lane& choose_lane(const Choice& choice, Random& random);
  Member& choose_by_cost(const Choice& choice, Lane& lane, Random& random);
  Member& draw_ready(const Choice& choice, const Lane& lane, Random& random) const;
  double cost(const Member& member, const Choice& choice) const;

  policy::Balancing policy_ = policy::Balancing::peak_ewma;
  std::string zone_;              // empty: no zone is preferred
  std::vector<Member*> members_;  // all of them
  Lane near_;                     // of our zone, or all
  Lane far_;
  std::vector<Member*> probing_;
  bool heeds_checks_ = true;  // some member is well and takes traffic
  double near_share_ = 1;
  double weight_ = 0;  // of those that take traffic
  Ring ring_;
};

}  // namespace weir::cluster
