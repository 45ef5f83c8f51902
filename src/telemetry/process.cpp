#include "process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace weir::telemetry {
namespace {

double boot_time() {
  std::ifstream stat{"/proc/stat"};
  for (std::string word; stat >> word;
       stat.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    if (double seconds = 0; word == "btime" && stat >> seconds) return seconds;
  }
  return 0;
}

double count_descriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry{"/proc/self/fd", error}, end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // less the one that reads the directory
}

}  // namespace

ProcessFacts read_process_facts() {
  ProcessFacts facts;
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::ifstream file{"/proc/self/stat"};
  std::string line;
  std::getline(file, line);
  // The second field is the program's name in parentheses and may hold anything.
  if (const auto name_end = line.rfind(')'); name_end != std::string::npos) {
    std::istringstream fields{line.substr(name_end + 2)};
    double user = 0;
    double system = 0;
    double start = 0;
    double pages = 0;
    std::string skipped;
    for (int field = 3; fields && field <= 24; ++field) {
      switch (field) {
        case 14: fields >> user; break;
        case 15: fields >> system; break;
        case 22: fields >> start; break;
        case 23: fields >> facts.virtual_bytes; break;
        case 24: fields >> pages; break;
        default: fields >> skipped; break;
      }
    }
    facts.cpu_seconds = (user + system) / ticks;
    facts.resident_bytes = pages * static_cast<double>(sysconf(_SC_PAGESIZE));
    facts.started = boot_time() + start / ticks;
  }
  facts.open_descriptors = count_descriptors();
  if (rlimit limit{}; getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.max_descriptors = static_cast<double>(limit.rlim_cur);
  }
  return facts;
}

}  // namespace weir::telemetry
