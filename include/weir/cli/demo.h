// `weir demo`: a small mesh on loopback with real sidecars and instances that can be killed.
#pragma once

#include <string>
#include <vector>

namespace weir::cli {

// Runs until it is interrupted; gives the exit code. `arguments` follow the word `demo`.
int demo(const std::vector<std::string>& arguments);

}  // namespace weir::cli
