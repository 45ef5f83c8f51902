// The tree into the shape: strict, typed, and every mistake reported where it stands.
#pragma once

#include "node.h"
#include "problems.h"
#include "shape.h"

namespace weir::config {

// Reads the whole document. A node in or under which something was wrong is marked flawed.
void read(Node& root, const Fields& fields, Collector& problems);

}  // namespace weir::config
