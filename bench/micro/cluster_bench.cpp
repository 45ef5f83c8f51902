// What the decisions of an exchange cost: picking an endpoint and finishing the lease, asking
// whether to fail over, reading a budget.
#include <benchmark/benchmark.h>

#include "weir/cluster/cluster.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/failover.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using policy::Balancing;

policy::Upstream upstream(std::int64_t endpoints, Balancing balancing) {
  policy::Upstream policy;
  policy.balance.policy = balancing;
  for (std::int64_t number = 0; number < endpoints; ++number) {
    policy::Endpoint facts;
    facts.address = Address::v4(
        {10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 255)},
        80);
    policy.endpoints.push_back(facts);
  }
  return policy;
}

void pick_and_finish(benchmark::State& state, Balancing balancing) {
  Instant now{1h};
  const auto cluster = cluster::Cluster::make(upstream(state.range(0), balancing), "", 1, now);
  std::uint64_t hash = 0;
  for (auto _ : state) {
    now += 20us;
    auto lease = cluster->pick({.hash = ++hash}, now);
    lease->finish({.status = 200}, 5ms, now);
  }
}
BENCHMARK_CAPTURE(pick_and_finish, peak_ewma, Balancing::peak_ewma)->Arg(3)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(pick_and_finish, round_robin, Balancing::round_robin)
    ->Arg(3)
    ->Arg(100)
    ->Arg(10'000);
BENCHMARK_CAPTURE(pick_and_finish, least_requests, Balancing::least_requests)
    ->Arg(3)
    ->Arg(100)
    ->Arg(10'000);
BENCHMARK_CAPTURE(pick_and_finish, consistent_hash, Balancing::consistent_hash)
    ->Arg(3)
    ->Arg(100)
    ->Arg(10'000);

void enter_bulkhead(benchmark::State& state) {
  const auto bulkhead = cluster::Bulkhead::make({});
  for (auto _ : state) benchmark::DoNotOptimize(bulkhead->try_enter());
}
BENCHMARK(enter_bulkhead);

void ask_for_failover(benchmark::State& state) {
  const policy::Failover policy;
  resilience::FailoverQuestion question;
  question.outcome = {.failure = resilience::Failure::reset_before_response};
  question.alternative = true;
  question.left = 100ms;
  for (auto _ : state) {
    benchmark::DoNotOptimize(question);
    benchmark::DoNotOptimize(resilience::may_fail_over(question, policy));
  }
}
BENCHMARK(ask_for_failover);

void read_budget(benchmark::State& state) {
  http::Fields fields;
  for (const auto* name : {"accept", "user-agent", "x-one", "x-two", "x-three", "cookie"}) {
    fields.add(name, "some value");
  }
  fields.add(http::Name::weir_budget_ms, "250");
  const resilience::BudgetPolicy policy{.route = 300ms, .fallback = 5s, .maximum = 30s};
  for (auto _ : state) {
    benchmark::DoNotOptimize(effective_budget(resilience::read_grant(fields), policy));
  }
}
BENCHMARK(read_budget);

void write_budget(benchmark::State& state) {
  http::Fields fields;
  fields.add("accept", "*/*");
  for (auto _ : state) resilience::write_grant(fields, {237ms});
}
BENCHMARK(write_budget);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
