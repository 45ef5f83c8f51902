// The parsed file as our own tree: what was written, where, and nothing that YAML makes of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

struct Position {
  int line = 1;    // from 1
  int column = 1;  // from 1, in bytes
  auto operator<=>(const Position&) const = default;
};

struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  struct Key {
    std::string text;
    Position at;
  };

  Kind kind = Kind::null;
  bool quoted = false;  // a scalar in quotes: text, never a number
  bool flawed = false;  // a problem was reported in it or below it
  Position at;
  std::string text;         // of a scalar
  std::vector<Key> keys;    // of a map, unique, parallel to `items`
  std::vector<Node> items;  // of a map or a list

  Node* find(std::string_view key) {
    for (std::size_t index = 0; index < keys.size(); ++index) {
      if (keys[index].text == key) return &items[index];
    }
    return nullptr;
  }
  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
};

}  // namespace weir::config
