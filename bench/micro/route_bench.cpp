// Route look-up among 10,000 routes: the goal is well under a microsecond.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <vector>

#include "weir/route/table.h"

namespace {

using weir::policy::Pattern;

// 1,000 hosts, half of them suffixes, with ten routes each.
std::vector<weir::policy::Route> ten_thousand_routes() {
  std::vector<weir::policy::Route> routes(10'000);
  for (std::size_t index = 0; index < routes.size(); ++index) {
    const auto host = index / 10;
    auto& match = routes[index].match;
    match.host = host % 2 == 0
                     ? Pattern{Pattern::Kind::exact, fmt::format("service-{}", host)}
                     : Pattern{Pattern::Kind::suffix, fmt::format(".team-{}.internal", host)};
    match.path = index % 2 == 0
                     ? Pattern{Pattern::Kind::prefix, fmt::format("/v1/resource-{}/", index % 10)}
                     : Pattern{Pattern::Kind::exact, fmt::format("/v1/list-{}", index % 10)};
  }
  return routes;
}

void look_up(benchmark::State& state, const char* authority, const char* target) {
  const auto routes = ten_thousand_routes();
  const weir::route::Table table{routes};
  weir::http::RequestHead request;
  request.authority = authority;
  request.target = target;
  for (auto _ : state) benchmark::DoNotOptimize(table.find(request));
}

BENCHMARK_CAPTURE(look_up, exact_host_prefix, "service-500:8080", "/v1/resource-4/items/77?full=1");
BENCHMARK_CAPTURE(look_up, exact_host_exact_path, "service-500", "/v1/list-5");
BENCHMARK_CAPTURE(look_up, suffix_host, "a.team-501.internal", "/v1/resource-4/items/77");
BENCHMARK_CAPTURE(look_up, no_route, "unknown.example.com", "/v1/resource-4/items/77");

}  // namespace

BENCHMARK_MAIN();
