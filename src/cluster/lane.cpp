#include "lane.h"

#include <algorithm>

namespace weir::cluster {
namespace {

// Thirds do not add up to one exactly.
constexpr double full_credit = 1 - 1e-9;

}  // namespace

void Lane::assign(std::vector<Member*> members) {
  members_ = std::move(members);
  aliases_.clear();
  if (members_.empty()) return;
  turn_ %= members_.size();
  const auto weight = [](const Member* member) { return member->facts.weight; };
  const auto [lightest, heaviest] = std::ranges::minmax_element(members_, {}, weight);
  heaviest_ = weight(*heaviest);
  if (weight(*lightest) < heaviest_) compile_aliases();
}

void Lane::compile_aliases() {
  double total = 0;
  for (const Member* member : members_) total += member->facts.weight;
  const double scale = static_cast<double>(members_.size()) / total;
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  aliases_.resize(members_.size());
  for (std::uint32_t index = 0; index < members_.size(); ++index) {
    aliases_[index] = {members_[index]->facts.weight * scale, index};
    (aliases_[index].own < 1 ? small : large).push_back(index);
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back();
    const std::uint32_t rich = large.back();
    small.pop_back();
    aliases_[poor].other = rich;
    aliases_[rich].own -= 1 - aliases_[poor].own;
    if (aliases_[rich].own >= 1) continue;
    large.pop_back();
    small.push_back(rich);
  }
  // What rounding left over keeps its own column.
  for (const auto& rest : {small, large}) {
    for (const std::uint32_t index : rest) aliases_[index].own = 1;
  }
}

std::size_t Lane::draw_index(Random& random) const {
  const auto column = static_cast<std::size_t>(random.below(members_.size()));
  if (aliases_.empty()) return column;
  return random.unit() < aliases_[column].own ? column : aliases_[column].other;
}

Member& Lane::draw(const Endpoint* exclude, Random& random) const {
  std::size_t index = draw_index(random);
  if (members_[index] == exclude) index = (index + 1) % members_.size();
  return *members_[index];
}

Member& Lane::draw_beside(const Member& first, const Endpoint* exclude, Random& random) const {
  std::size_t index = draw_index(random);
  // At most two steps lead away from both, if anybody else is there.
  for (int step = 0; step < 2; ++step) {
    if (members_[index] != exclude && members_[index] != &first) break;
    index = (index + 1) % members_.size();
  }
  return members_[index] == exclude ? *members_[(index + 1) % members_.size()] : *members_[index];
}

Member& Lane::next(Instant now) {
  Member* last = nullptr;
  // The heaviest takes every turn, so one round finds somebody, unless all of them are ramping.
  for (std::size_t steps = 0; steps < members_.size(); ++steps) {
    Member& member = *members_[turn_];
    turn_ = (turn_ + 1) % members_.size();
    last = &member;
    member.credit += member.facts.weight / heaviest_ * member.share(now);
    if (member.credit < full_credit) continue;
    member.credit -= 1;
    return member;
  }
  return *last;
}

}  // namespace weir::cluster
