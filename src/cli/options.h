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

}  // namespace weir::cli
