#include "correlation_index.h"

#include <utility>

namespace weir::proxy {

KeyLink** KeyIndex::Shard::place_of(std::uint64_t key) {
  KeyLink** place = &bucket_of(key);
  while (*place != nullptr && (*place)->key != key) place = &(*place)->chain;
  return place;
}

// Never shrinks: a warm index does not allocate.
void KeyIndex::Shard::grow() {
  const auto chains = std::exchange(buckets, std::vector<KeyLink*>(buckets.size() * 2));
  for (KeyLink* leader : chains) {
    while (leader != nullptr) {
      KeyLink*& bucket = bucket_of(leader->key);
      KeyLink* const rest = std::exchange(leader->chain, bucket);
      bucket = std::exchange(leader, rest);
    }
  }
}

void KeyIndex::insert(KeyLink& link, std::uint64_t key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  link.key = key;
  KeyLink** place = shard.place_of(key);
  if (KeyLink* leader = *place) {
    link.next = leader;
    link.previous = leader->previous;
    link.previous->next = leader->previous = &link;
    return;
  }
  if (shard.groups == shard.buckets.size()) {
    shard.grow();
    place = shard.place_of(key);
  }
  link.next = link.previous = &link;
  *place = &link;
  ++shard.groups;
}

void KeyIndex::remove(KeyLink& link, Leaving leaving) {
  if (link.key == 0) return;
  Shard& shard = shard_of(link.key);
  const std::lock_guard lock{shard.mutex};
  KeyLink** place = shard.place_of(link.key);
  KeyLink* leader = *place;
  if (leaving == Leaving::completed) leader->incomplete = true;
  if (link.next == &link) {
    *place = link.chain;
    --shard.groups;
  } else {
    if (leader == &link) {
      *place = leader = link.next;
      leader->chain = link.chain;
      leader->incomplete = link.incomplete;
    }
    link.next->previous = link.previous;
    link.previous->next = link.next;
  }
  link = KeyLink{.entry = link.entry};
}

}  // namespace weir::proxy
