// `${NAME}` and `${NAME:-default}` inside values.
#pragma once

#include "node.h"
#include "problems.h"
#include "weir/config/load.h"

namespace weir::config {

// Fills every value of the tree in place. What a variable gives is text: it is not parsed as YAML
// and not filled again. As in the shell, the default serves when the variable is unset or empty.
void fill_from_environment(Node& node, const Environment& environment, Collector& problems);

}  // namespace weir::config
