#include "weir/base/keyed_hash.h"

#include <bit>
#include <cstring>

#include "weir/base/random.h"

namespace weir {
namespace {

class Sip {
 public:
  explicit Sip(const HashKey& key)
      : a_(key.first ^ 0x736f6d6570736575ULL),
        b_(key.second ^ 0x646f72616e646f6dULL),
        c_(key.first ^ 0x6c7967656e657261ULL),
        d_(key.second ^ 0x7465646279746573ULL) {}

  void absorb(std::uint64_t word) {
    d_ ^= word;
    round();
    round();
    a_ ^= word;
  }

  std::uint64_t finish() {
    c_ ^= 0xffU;
    for (int count = 0; count < 4; ++count) round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void round() {
    a_ += b_;
    b_ = std::rotl(b_, 13) ^ a_;
    a_ = std::rotl(a_, 32);
    c_ += d_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ += d_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ += b_;
    b_ = std::rotl(b_, 17) ^ c_;
    c_ = std::rotl(c_, 32);
  }

  std::uint64_t a_;
  std::uint64_t b_;
  std::uint64_t c_;
  std::uint64_t d_;
};

constexpr std::uint64_t length_byte(std::size_t size) { return std::uint64_t{size & 0xffU} << 56U; }

}  // namespace

HashKey random_hash_key() { return {entropy(), entropy()}; }

std::uint64_t keyed_hash(const HashKey& key, std::string_view bytes) {
  Sip sip{key};
  std::uint64_t last = length_byte(bytes.size());
  std::uint64_t word = 0;
  for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    sip.absorb(word);
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    last |= std::uint64_t{static_cast<unsigned char>(bytes[at])} << (8 * at);
  }
  sip.absorb(last);
  return sip.finish();
}

std::uint64_t keyed_hash(const HashKey& key, std::uint64_t first, std::uint64_t second) {
  Sip sip{key};
  sip.absorb(first);
  sip.absorb(second);
  sip.absorb(length_byte(2 * sizeof first));
  return sip.finish();
}

}  // namespace weir
