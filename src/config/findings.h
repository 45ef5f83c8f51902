// Says where in the file a contradiction stands, once the values themselves have been read.
#pragma once

#include <initializer_list>
#include <string_view>
#include <variant>

#include "node.h"
#include "problems.h"

namespace weir::config {

using Step = std::variant<std::string_view, std::size_t>;
using Place = std::initializer_list<Step>;

// Follow-ups of mistakes that were reported already are swallowed: a finding about a flawed place
// says nothing that can be relied on.
class Findings {
 public:
  Findings(Node& root, Collector& problems) : root_(root), problems_(problems) {}

  void error(Place place, Complaint complaint);
  // Compares `place` with `other`, which must not be flawed either.
  void error(Place place, Place other, Complaint complaint);
  void warn(Place place, Complaint complaint);

  // What was written there; null when it was left out.
  const Node* find(Place place) const;
  bool flawed(Place place) const { return locate(place).node->flawed; }
  bool written(std::string_view key) const { return root_.find(key) != nullptr; }

 private:
  struct Spot {
    const Node* node;  // the deepest on the way that exists
    bool complete;     // it is the place itself
    Position at;
    std::string_view text;
  };
  Spot locate(Place place) const;

  Node& root_;
  Collector& problems_;
};

}  // namespace weir::config
