// The command line: `weir run|check|probe|schema|demo|iptables`, --help and --version.
#pragma once

#include "weir/base/time.h"

namespace weir::cli {

// Exit codes, after BSD's sysexits.h.
namespace exit_code {
constexpr int ok = 0;
constexpr int no = 1;              // what was asked is not so (probe)
constexpr int usage = 64;          // the command line is wrong
constexpr int data = 65;           // a configuration is wrong
constexpr int no_input = 66;       // a file cannot be read
constexpr int unavailable = 69;    // an address is taken, a program is not installed
constexpr int software = 70;       // a mistake of ours
constexpr int os_error = 71;       // the operating system refused
constexpr int no_permission = 77;  // we may not
constexpr int configuration = 78;  // a certificate, key or bundle cannot be used
}  // namespace exit_code

// Parses the arguments and does what they say. `started` is when the process began.
int dispatch(int argc, const char* const* argv, Instant started);

}  // namespace weir::cli
