// The configuration as it rules: every default filled in.
#pragma once

#include <string>

#include "weir/policy/service.h"

namespace weir::config {

// YAML that load_text() reads back to the same service. Routes that were made from upstreams' names
// are written out; environment variables have been replaced by their values.
std::string effective_yaml(const policy::Service& service);

}  // namespace weir::config
