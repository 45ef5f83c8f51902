#include "weir/base/random.h"

#include <bit>
#include <random>

namespace weir {
namespace {

__extension__ using Wide = unsigned __int128;

// splitmix64 spreads one word of seed over the whole state, as the generator's authors advise.
std::uint64_t split_mix(std::uint64_t& seed) {
  seed += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = seed;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31U);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = split_mix(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Lemire's multiply-shift; the bias of at most bound / 2^64 is of no interest here.
  return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64U);
}

double Random::unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

Duration Random::jittered(Duration duration, Ratio spread) {
  const double factor = 1.0 + (2.0 * unit() - 1.0) * spread.value;
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

std::uint64_t entropy() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

}  // namespace weir
