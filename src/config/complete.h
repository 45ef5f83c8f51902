// What follows from the file without being written in it.
#pragma once

#include <string_view>
#include <vector>

#include "findings.h"
#include "weir/policy/service.h"

namespace weir::config {

// Which upstreams are reachable by their name as the host. Written routes come first: where one
// has a host pattern that covers the name, the name alone is not enough.
class ByName {
 public:
  explicit ByName(const policy::Service& service);
  bool reaches(std::string_view upstream) const;

 private:
  bool enabled_;
  std::vector<policy::Pattern> covering_;
};

// Before linting: the application's endpoint, the kinds of fallbacks.
void complete_values(policy::Service& service);
// Before linting: what is taken from `tls`.
void complete_tls(policy::Service& service, const Findings& findings);
// After linting: names of routes, routes by name.
void complete_routes(policy::Service& service);

}  // namespace weir::config
