// What the operating system says of this process.
#pragma once

namespace weir::telemetry {

struct ProcessFacts {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_descriptors = 0;
  double max_descriptors = 0;
  double started = 0;  // Unix time
};

// Reads /proc; what cannot be read stays 0.
ProcessFacts read_process_facts();

}  // namespace weir::telemetry
