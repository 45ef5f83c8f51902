#include "sections.h"

namespace weir::config {
namespace {

constexpr auto required = Field::Need::required;
constexpr Range some_share{.zero = Range::Zero::refused};
constexpr Range few{.least = 1, .most = 100};

Shape labels(std::map<std::string, std::string>& target) {
  return {Dictionary{
      "label", nullptr, [&target](const std::string& key) { return scalar(target[key]); },
      [&target] {
        std::vector<std::string> keys;
        for (const auto& [key, value] : target) keys.push_back(key);
        return keys;
      },
      [&target](std::size_t index) {
        return scalar(std::next(target.begin(), static_cast<std::ptrdiff_t>(index))->second);
      }}};
}

Shape address(Address& target) { return scalar_as(endpoint_codec(), &target); }

Shape grpc_method(std::string& target) { return scalar_as(grpc_method_codec(), &target); }

}  // namespace

Fields describe(policy::Endpoint& endpoint) {
  return {
      {"address", "IP address and port.", scalar_as(endpoint_codec(), &endpoint.address), required},
      {"version", "Version that runs there; routes choose by it.", scalar(endpoint.version)},
      {"zone", "Zone that it stands in.", scalar(endpoint.zone)},
      {"weight", "Share of the traffic, relative to the other endpoints.",
       scalar(endpoint.weight, {.most = 1000, .zero = Range::Zero::refused})},
      {"labels", "Names and values of your own.", labels(endpoint.labels)},
  };
}

Fields describe(policy::Failover& failover) {
  return {
      {"on",
       "Outcomes that are worth a second attempt: `timeout` is the attempt's own limit and "
       "`unavailable` the gRPC status.",
       scalars(failover.on)},
      {"ratio", "Second attempts per first attempts, over the last ten seconds.",
       scalar(failover.ratio)},
      {"minimum_per_second", "Second attempts per second that are granted even without traffic.",
       scalar(failover.minimum_per_second, {.most = 10'000})},
      {"replay_limit", "Longest request body that is kept to be sent again.",
       scalar(failover.replay_limit, {.most = 64.0 * 1024 * 1024})},
      {"hedge",
       "Starts the second attempt before the first has failed, once it is slower than 95 % of "
       "the calls seen.",
       scalar(failover.hedge)},
      {"idempotent_grpc", "gRPC methods that may be sent twice.",
       list<std::string>(failover.idempotent_grpc, grpc_method), Field::Need::optional,
       unless_empty(failover.idempotent_grpc)},
  };
}

Fields describe(policy::Breaker& breaker) {
  return {
      {"error_rate", "Share of failed calls that opens the breaker.",
       scalar(breaker.error_rate, some_share)},
      {"minimum", "Calls in the window before it may open.", scalar(breaker.minimum, positive)},
      {"window", "Time over which calls are counted.", scalar(breaker.window, positive)},
      {"open_for", "How long it stays open before it lets probes through.",
       scalar(breaker.open_for, positive)},
      {"probes", "Successes in a row that close it again.", scalar(breaker.probes, positive)},
  };
}

Fields describe(policy::Ejection& ejection) {
  return {
      {"consecutive_failures", "Failures in a row that take an endpoint out.",
       scalar(ejection.consecutive_failures, positive)},
      {"error_rate", "Share of failed calls that takes it out.",
       scalar(ejection.error_rate, some_share)},
      {"minimum", "Calls in the window before shares count.", scalar(ejection.minimum, positive)},
      {"window", "Time over which calls are counted.", scalar(ejection.window, positive)},
      {"slow_call", "A call that takes longer is slow.",
       scalar(ejection.slow_call, "off", positive)},
      {"slow_rate", "Share of slow calls that takes an endpoint out.",
       scalar(ejection.slow_rate, some_share)},
      {"base", "How long it is out the first time; doubles with each ejection in a row.",
       scalar(ejection.base, positive)},
      {"maximum", "Longest time out.", scalar(ejection.maximum, positive)},
      {"probes", "Successes that end the probation.", scalar(ejection.probes, positive)},
      {"ramp", "Time from a small share of the traffic to the full one.", scalar(ejection.ramp)},
  };
}

Fields describe(policy::Bulkhead& bulkhead) {
  return {
      {"concurrent", "Exchanges at once, in the whole process.",
       scalar(bulkhead.concurrent, positive)},
      {"queue", "Exchanges that may wait for one of those.", scalar(bulkhead.queue)},
  };
}

Fields describe(policy::Balance& balance) {
  return {
      {"policy",
       "How an endpoint is chosen: two at random by latency (`peak_ewma`) or load, in turn, or by "
       "a hash.",
       scalar(balance.policy)},
      {"hash_on", "What is hashed; for `consistent_hash`.", scalar(balance.hash_on)},
      {"prefer_zone", "Endpoints of the own zone first.", scalar(balance.prefer_zone)},
      {"slow_start", "Time over which a new endpoint gets its full share; `0ms` is off.",
       scalar(balance.slow_start)},
  };
}

Fields describe(policy::HealthCheck& health) {
  const bool grpc = health.kind == policy::HealthCheck::Kind::grpc;
  return {
      {"path", "Asked for with GET; an answer from 200 to 299 says that the endpoint is well.",
       scalar_as(health_path_codec(), &health), Field::Need::one_of,
       grpc ? Field::Print::hidden : Field::Print::shown},
      {"grpc",
       "The service that the gRPC health protocol is asked about; `\"\"` is the whole server.",
       scalar_as(health_grpc_codec(), &health), Field::Need::one_of,
       grpc ? Field::Print::always : Field::Print::hidden},
      {"interval", "Time between two checks of an endpoint, give or take a little.",
       scalar(health.interval, {.least = 0.1})},
      {"timeout", "Longest time to an answer; shorter than the interval.",
       scalar(health.timeout, positive)},
      {"unhealthy_after", "Failed checks in a row that take an endpoint out of the traffic.",
       scalar(health.unhealthy_after, few)},
      {"healthy_after", "Good checks in a row that bring it back.",
       scalar(health.healthy_after, few)},
  };
}

Fields describe(policy::Pool& pool) {
  return {
      {"connections", "Per endpoint and worker, idle and busy.",
       scalar(pool.connections, positive)},
      {"streams", "HTTP/2: exchanges at once on one connection, or fewer if the peer says so.",
       scalar(pool.streams, {.least = 1, .most = 10'000})},
      {"idle", "Kept open, per endpoint and worker.", scalar(pool.idle)},
      {"idle_timeout", "How long an idle connection is kept; stay below what the peer allows.",
       scalar(pool.idle_timeout, positive)},
      {"requests", "Requests of one connection, after which it is closed.",
       scalar(pool.requests, positive)},
  };
}

Fields describe(policy::Upstream& upstream) {
  return {
      {"endpoints", "The instances.", sections(upstream.endpoints), required},
      {"protocol",
       "What the endpoints speak: `auto` is HTTP/2 for gRPC and HTTP/1.1 for everything else.",
       scalar(upstream.protocol)},
      {"connect_timeout", "Longest time to open a connection; part of the budget.",
       scalar(upstream.connect_timeout, positive)},
      {"tls",
       "Calls the endpoints over TLS; `on` takes certificate and bundle from the service's `tls`.",
       section_or({&upstream.tls, &upstream_tls_codec(), {}, {}}, upstream.tls)},
      {"addresses",
       "What else callers know it by, such as a virtual address of the platform: intercepted "
       "connections to these, or to an endpoint, belong to it.",
       list<Address>(upstream.addresses, address), Field::Need::optional,
       unless_empty(upstream.addresses)},
      {"tunnel", "Opaque TCP to this upstream.", section(upstream.tunnel)},
      {"health",
       "Asks every endpoint whether it is well. Without it only the calls show; an endpoint that "
       "is not well gets no traffic.",
       section(upstream.health)},
      {"failover", "The one second attempt, on another endpoint.", switched(upstream.failover)},
      {"breaker", "Answers at once while a version of the upstream fails.",
       switched(upstream.breaker)},
      {"ejection", "Takes single endpoints out.", switched(upstream.ejection)},
      {"bulkhead", "Limits how much of this upstream is in use at once.",
       section(upstream.bulkhead)},
      {"balance", "Which endpoint a request goes to.", section(upstream.balance)},
      {"pool", "Connections that are kept.", section(upstream.pool)},
  };
}

}  // namespace weir::config
