// One instance of a service of the demo, a process of its own: `weir demo instance ...`.
//
// It answers every GET after a few milliseconds, and asks another service first when it is told to,
// handing the trace on as any instrumented application does. The parent gives its orders on the
// standard input, a word per line (demo_plan.h: Order), and reads on the standard output, every
// tenth of a second, how many calls have reached it so far. It ends when its input ends.
#pragma once

#include <optional>
#include <string>

#include "weir/base/address.h"

namespace weir::cli {

struct InstanceOptions {
  std::string name;
  Address listen;
  std::optional<Address> through;  // the sidecar that carries its own calls
  std::string calls;               // the service that it calls
};

// Serves until its input ends; gives the exit code.
int demo_instance(const InstanceOptions& options);

}  // namespace weir::cli
