// `weir demo`: a small mesh on loopback with real sidecars and instances that can be killed.
//
// Two services, orders and catalog, with three instances each, every one a process of its own; a
// real weir carries the users' calls to orders and another one those of orders to catalog.
#pragma once

#include <string>
#include <vector>

namespace weir::cli {

// Runs until it is told to end; gives the exit code. `arguments` follow the word `demo`. The
// processes of its instances are this program again, with `demo instance ...`.
int demo(const std::vector<std::string>& arguments);

}  // namespace weir::cli
