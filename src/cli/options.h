// The commands that dispatch() chooses from, each with what its options say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/log.h"
#include "weir/base/time.h"

namespace weir::cli {

struct RunOptions {
  std::string config;
  log::Level log_level = log::Level::info;
};
int run(const RunOptions& options, Instant started);

enum class CheckOutput : std::uint8_t { verdicts, effective };
int check(const std::vector<std::string>& files, CheckOutput output);

enum class ProbeQuestion : std::uint8_t { ready, live };
struct ProbeOptions {
  ProbeQuestion question = ProbeQuestion::ready;
  // Whose admin listener is asked: the first that is not empty, then the environment's WEIR_ADMIN,
  // then the default address.
  std::string admin;
  std::string config;   // a file that says `admin.listen`
  Duration patience{};  // for so long it is asked again when the answer is no
};
// Asks a running sidecar and prints its last answer: exit_code::ok, or exit_code::no and why.
int probe(const ProbeOptions& options);

}  // namespace weir::cli
