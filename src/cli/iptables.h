// `weir iptables print|apply|remove`: the kernel's rules that bring connections to this sidecar.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "weir/interception/plan.h"

namespace weir::cli {

struct IptablesOptions {
  enum class Action : std::uint8_t { print, apply, remove } action = Action::print;
  // `installed`: iptables, or nftables where only that is.
  enum class Backend : std::uint8_t { installed, nft } backend = Backend::installed;
  interception::Plan plan;  // not for `remove`
};

// Reads the arguments and does what they say; prints its own help. Gives an exit code.
int iptables(const std::vector<std::string>& arguments);

// What went wrong, with its cure, and the exit code for it.
struct RulesProblem {
  std::string text;
  int exit_code;
};

// Changes the kernel's rules. Everything is tried out first, and what fails then changes nothing;
// what fails later takes all rules of weir away, also those of an earlier call. Applying twice is
// applying once.
std::expected<void, RulesProblem> apply_rules(const IptablesOptions& options);
std::expected<void, RulesProblem> remove_rules(const IptablesOptions& options);

}  // namespace weir::cli
