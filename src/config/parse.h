// YAML text to our own tree, within limits. The only file behind it knows yaml-cpp.
#pragma once

#include <optional>
#include <string_view>

#include "node.h"
#include "problems.h"

namespace weir::config {

constexpr std::size_t most_bytes = std::size_t{1} << 20U;
constexpr std::size_t most_nodes = 400'000;
constexpr std::size_t deepest = 16;

// Nothing when the text cannot be understood at all; otherwise a tree, which may have been
// reported as flawed in places. Refuses what two readers could understand differently: anchors,
// aliases, tags, duplicate keys, several documents, bytes that are not UTF-8.
std::optional<Node> parse(std::string_view text, Collector& problems);

}  // namespace weir::config
