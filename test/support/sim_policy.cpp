#include "support/sim_policy.h"

#include <utility>

namespace weir::sim {

Address instance_address(std::uint8_t number) { return Address::v4({10, 0, 0, number}, 8080); }

policy::Endpoint endpoint(std::uint8_t number, std::string version) {
  policy::Endpoint endpoint;
  endpoint.address = instance_address(number);
  endpoint.version = std::move(version);
  return endpoint;
}

policy::Upstream upstream(std::string name, std::uint8_t count) {
  policy::Upstream upstream;
  upstream.name = std::move(name);
  for (std::uint8_t number = 1; number <= count; ++number) {
    upstream.endpoints.push_back(endpoint(number));
  }
  upstream.ejection.enabled = false;
  upstream.breaker.enabled = false;
  return upstream;
}

policy::Route route_to(std::string upstream) {
  policy::Route route;
  route.name = upstream;
  route.match.host = {policy::Pattern::Kind::exact, "catalog"};
  route.to = std::move(upstream);
  return route;
}

policy::Service service_with(std::vector<policy::Upstream> upstreams,
                             std::vector<policy::Route> routes) {
  policy::Service service;
  service.identity.name = "orders";
  policy::Outbound outbound;
  outbound.listen = Address::v4({127, 0, 0, 1}, 15001);
  outbound.budget.fallback = std::chrono::seconds{1};
  service.outbound = outbound;
  service.upstreams = std::move(upstreams);
  service.routes = std::move(routes);
  return service;
}

policy::Service service_with(policy::Upstream upstream) {
  auto route = route_to(upstream.name);
  return service_with(std::vector{std::move(upstream)}, {std::move(route)});
}

}  // namespace weir::sim
