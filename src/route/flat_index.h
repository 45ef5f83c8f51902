// An immutable hash index from (scope, text) to a number: open addressing, linear probing.
//
// The scope separates the name spaces of different hosts and trie nodes in one flat array, so a
// look-up costs one hash and usually one cache line, however many routes there are. Requests cannot
// choose what is stored, only what is looked up, so an adversary cannot lengthen the probes.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/hash.h"

namespace weir::route {

class FlatIndex {
 public:
  // The value stored under the key; when there is none, `value` is stored and returned.
  std::uint32_t insert(std::uint32_t scope, std::string_view text, std::uint32_t value) {
    if (const auto found = find(scope, text)) return *found;
    if ((entries_.size() + 1) * 2 > slots_.size()) grow();
    entries_.push_back({std::string{text}, stable_hash(text, scope), scope, value});
    place(static_cast<std::uint32_t>(entries_.size()));
    return value;
  }

  std::optional<std::uint32_t> find(std::uint32_t scope, std::string_view text) const {
    if (slots_.empty()) return std::nullopt;
    const std::uint64_t hash = stable_hash(text, scope);
    for (std::size_t slot = hash & mask(); slots_[slot].entry != 0; slot = (slot + 1) & mask()) {
      if (slots_[slot].tag != tag_of(hash)) continue;
      const Entry& entry = entries_[slots_[slot].entry - 1];
      if (entry.scope == scope && entry.text == text) return entry.value;
    }
    return std::nullopt;
  }

 private:
  struct Entry {
    std::string text;
    std::uint64_t hash;
    std::uint32_t scope;
    std::uint32_t value;
  };
  struct Slot {
    std::uint32_t entry = 0;  // 1 + the index of an Entry; 0 is free
    std::uint32_t tag = 0;    // saves visits to entries that cannot match
  };

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t mask() const { return slots_.size() - 1; }

  void place(std::uint32_t entry) {
    const std::uint64_t hash = entries_[entry - 1].hash;
    std::size_t slot = hash & mask();
    while (slots_[slot].entry != 0) slot = (slot + 1) & mask();
    slots_[slot] = {entry, tag_of(hash)};
  }

  void grow() {
    slots_.assign(std::bit_ceil((entries_.size() + 1) * 4), Slot{});
    for (std::uint32_t entry = 1; entry <= entries_.size(); ++entry) place(entry);
  }

  std::vector<Slot> slots_;
  std::vector<Entry> entries_;
};

}  // namespace weir::route
