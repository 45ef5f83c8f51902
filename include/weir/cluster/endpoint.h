// One instance of an upstream and what the process has learned of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "weir/base/address.h"
#include "weir/policy/upstream.h"

namespace weir::cluster {

// Identity and facts; immutable while it lives. What is learned (latency, health, load) is kept by
// the Cluster beside it. The same address keeps the same Endpoint, and what was learned, across
// reloads while its facts do not change.
struct Endpoint {
  std::uint64_t id = 0;  // unique in the process, never used again
  policy::Endpoint facts;
};

}  // namespace weir::cluster
