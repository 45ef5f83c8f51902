// The weaker keys: which entries stand under a hashed span id, x-request-id or trace id.
//
// A sharded hash table of groups; a group is the ring of all links with one key. Links belong to
// entries. Keys are keyed hashes of 64 bits: whoever sends ids cannot aim at a chain.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

namespace weir::proxy {

struct CauseEntry;

// Guarded by its shard's lock, but for `key` and `entry`.
struct KeyLink {
  std::uint64_t key = 0;  // 0: not linked
  CauseEntry* entry = nullptr;
  KeyLink* next = nullptr;  // in the ring
  KeyLink* previous = nullptr;
  KeyLink* chain = nullptr;  // of a leader: the next group of the bucket
  bool incomplete = false;   // of a leader: see KeyIndex::Leaving::completed
};

class KeyIndex {
 public:
  enum class Leaving : std::uint8_t {
    forgotten,
    // Its calls may still come under this key and then be taken for another's: as long as the group
    // lasts it is not the whole truth, and nothing may be cancelled because of it.
    completed
  };

  // `key` is not 0 and is kept until the link is removed.
  void insert(KeyLink& link, std::uint64_t key);
  void remove(KeyLink& link, Leaving leaving);

  // Calls visit(link) for the members of the group, under the shard's lock, until it returns false;
  // returns whether the group was incomplete.
  template <class Visit>
  bool visit(std::uint64_t key, Visit visit) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock{shard.mutex};
    KeyLink* leader = *shard.place_of(key);
    if (leader == nullptr) return false;
    KeyLink* member = leader;
    do {
      if (!visit(*member)) break;
      member = member->next;
    } while (member != leader);
    return leader->incomplete;
  }

 private:
  struct alignas(64) Shard {
    std::mutex mutex;
    std::vector<KeyLink*> buckets = std::vector<KeyLink*>(8);
    std::size_t groups = 0;

    KeyLink*& bucket_of(std::uint64_t key) { return buckets[key & (buckets.size() - 1)]; }
    // Where the pointer to the key's leader stands; it holds null at the end of the chain.
    KeyLink** place_of(std::uint64_t key);
    void grow();
  };
  static constexpr unsigned shard_bits = 6;
  Shard& shard_of(std::uint64_t key) { return shards_[key >> (64U - shard_bits)]; }

  std::array<Shard, std::size_t{1} << shard_bits> shards_;
};

}  // namespace weir::proxy
