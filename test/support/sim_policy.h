// Policies for tests, without YAML: defaults of include/weir/policy, changed where a test says so.
#pragma once

#include <string>
#include <vector>

#include "weir/policy/service.h"

namespace weir::sim {

// 10.0.0.<number>:8080
Address instance_address(std::uint8_t number);

policy::Endpoint endpoint(std::uint8_t number, std::string version = {});
// Endpoints 1 ... `count`; no ejection, no breaker: tests of those switch them on.
policy::Upstream upstream(std::string name, std::uint8_t count);
// Every request for Host `catalog`.
policy::Route route_to(std::string upstream);
// An outbound listener with a 1 s budget and a margin of 5 ms, and one upstream `catalog`.
policy::Service service_with(policy::Upstream upstream);
policy::Service service_with(std::vector<policy::Upstream> upstreams,
                             std::vector<policy::Route> routes);

}  // namespace weir::sim
