#include "selection.h"

#include <algorithm>

namespace weir::cluster {
namespace {

using policy::Balancing;

constexpr double zone_overprovision = 1.4;
constexpr double spill_factor = 2;
constexpr int ramp_redraws = 4;
constexpr int zone_redraws = 4;
// So long a probation without a request that could fail over: then any request will do.
constexpr Duration probe_patience = std::chrono::seconds{1};

}  // namespace

void Selection::compile(std::vector<Member*> members, const policy::Balance& balance,
                        const std::string& zone) {
  members_ = std::move(members);
  policy_ = balance.policy;
  const bool zoned = balance.prefer_zone && policy_ != Balancing::consistent_hash;
  zone_ = zoned ? zone : std::string{};
  outstanding = 0;
  for (const Member* member : members_) outstanding += member->outstanding;
  ring_.clear();
  if (policy_ == Balancing::consistent_hash) ring_.assign(members_);
  refresh();
}

bool Selection::is_near(const Member& member) const {
  return zone_.empty() || member.facts.zone == zone_;
}

void Selection::refresh() {
  std::vector<Member*> near = near_.take();
  std::vector<Member*> far = far_.take();
  near.clear();
  far.clear();
  probing_.clear();
  heeds_checks_ = std::ranges::any_of(members_, [](const Member* member) {
    return member->health.available() && !member->unwell();
  });
  std::size_t all_near = 0;
  for (Member* member : members_) {
    all_near += is_near(*member) ? 1 : 0;
    if (heeds_checks_ && member->unwell()) continue;
    if (member->health.available()) (is_near(*member) ? near : far).push_back(member);
    // Those that are out join when poll() has moved them on, and a refresh follows.
    else if (member->health.on_probation()) {
      probing_.push_back(member);
    }
  }
  near_share_ = all_near == 0 ? 0
                              : zone_overprovision * static_cast<double>(near.size()) /
                                    static_cast<double>(all_near);
  weight_ = 0;
  for (const auto* list : {&near, &far}) {
    for (const Member* member : *list) weight_ += member->facts.weight;
  }
  near_.assign(std::move(near));
  far_.assign(std::move(far));
}

double Selection::calls_per_weight() const {
  return static_cast<double>(outstanding + 1) / std::max(weight_, 1e-9);
}

bool Selection::has_other(const Endpoint* exclude) const {
  return near_.has_other(exclude) || far_.has_other(exclude);
}

Member* Selection::choose(const Choice& choice, Random& random) {
  if (policy_ == Balancing::consistent_hash) {
    const bool probes = choice.attempt == Choice::Attempt::first && choice.may_probe;
    return ring_.find({choice.hash, choice.exclude, calls_per_weight(), probes, heeds_checks_},
                      choice.now);
  }
  if (Member* probed = choose_probe(choice)) return probed;
  if (!has_other(choice.exclude)) return nullptr;
  Lane& lane = choose_lane(choice, random);
  if (policy_ == Balancing::round_robin) {
    // A second attempt takes nobody's turn: it may still be refused, and the turns would then send
    // every first attempt to the member that fails.
    const bool in_turn = choice.attempt == Choice::Attempt::first && choice.exclude == nullptr;
    return in_turn ? &lane.next(choice.now) : &lane.draw(choice.exclude, random);
  }
  return &choose_by_cost(choice, lane, random);
}

Member* Selection::choose_probe(const Choice& choice) {
  if (choice.attempt == Choice::Attempt::second) return nullptr;
  for (Member* member : probing_) {
    const bool patient = choice.now - member->health.since_or_until() < probe_patience;
    if (member == choice.exclude || (!choice.may_probe && patient)) continue;
    if (member->health.admit_probe()) return member;
  }
  return nullptr;
}

Lane& Selection::choose_lane(const Choice& choice, Random& random) {
  if (!near_.has_other(choice.exclude)) return far_;
  if (!far_.has_other(choice.exclude)) return near_;
  if (choice.attempt == Choice::Attempt::second) {
    return choice.avoided_zone == zone_ ? far_ : near_;
  }
  return near_share_ >= 1 || random.unit() < near_share_ ? near_ : far_;
}

Member& Selection::draw_ready(const Choice& choice, const Lane& lane, Random& random) const {
  Member* drawn = &lane.draw(choice.exclude, random);
  for (int times = 0; times < ramp_redraws; ++times) {
    const double share = drawn->share(choice.now);
    if (share >= 1 || random.unit() < share) break;
    drawn = &lane.draw(choice.exclude, random);
  }
  return *drawn;
}

Member& Selection::choose_by_cost(const Choice& choice, Lane& lane, Random& random) {
  Member* best = &draw_ready(choice, lane, random);
  if (choice.attempt == Choice::Attempt::second && !choice.avoided_zone.empty()) {
    for (int times = 0; times < zone_redraws; ++times) {
      if (best->facts.zone != choice.avoided_zone) return *best;
      best = &draw_ready(choice, lane, random);
    }
  }
  Member& rival = lane.draw_beside(*best, choice.exclude, random);
  const double share = rival.share(choice.now);
  double least = cost(*best, choice);
  if (share >= 1 || random.unit() < share) {
    if (const double other = cost(rival, choice); other < least) {
      best = &rival;
      least = other;
    }
  }
  if (&lane == &near_ && far_.has_other(choice.exclude)) {
    Member& abroad = draw_ready(choice, far_, random);
    if (cost(abroad, choice) * spill_factor < least) return abroad;
  }
  return *best;
}

// The draw is by weight already, so weight only counts against what is outstanding: idle members
// are taken in proportion, busy ones evened out.
double Selection::cost(const Member& member, const Choice& choice) const {
  const double load = 1 + static_cast<double>(member.outstanding) / member.facts.weight;
  if (policy_ == Balancing::least_requests) return load;
  const double latency = member.latency.cost(choice.usual, choice.now);
  // An endpoint that holds calls and answers none is at least as slow as its silence is long.
  return std::max(latency, static_cast<double>(member.silence(choice.now).count())) * load;
}

}  // namespace weir::cluster
