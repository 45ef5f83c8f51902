#include "support/sim_chaos.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace weir::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {
constexpr Duration length_of_run = std::chrono::seconds{3};
}

Chaos::Chaos(std::uint64_t seed) : random_(seed), scene_(seed, random_traits(random_)) {}

Duration Chaos::between(std::uint64_t low_ms, std::uint64_t high_ms) {
  return microseconds{from_to(low_ms * 1000, high_ms * 1000)};
}

LinkTraits Chaos::random_traits(Random& random) {
  LinkTraits traits;
  traits.latency = microseconds{50 + random.below(2000)};
  traits.window = 1000 + random.below(64UL * 1024);
  traits.ragged = random.chance(percent(60));
  if (random.chance(percent(20))) traits.bytes_per_second = 200'000 + random.below(10'000'000);
  return traits;
}

void Chaos::random_resilience(policy::Upstream& upstream) {
  policy::Failover& failover = upstream.failover;
  failover.enabled = chance(90);
  failover.hedge = chance(30);
  failover.replay_limit = Bytes{chance(50) ? kibibytes(64) : Bytes{from_to(0, 4000)}};
  failover.ratio = Ratio{random_.unit()};
  failover.minimum_per_second = static_cast<double>(from_to(0, 5));
  upstream.breaker.enabled = chance(40);
  upstream.breaker.minimum = static_cast<std::uint32_t>(from_to(3, 20));
  upstream.breaker.open_for = between(100, 1000);
  upstream.ejection.enabled = chance(40);
  upstream.ejection.consecutive_failures = static_cast<std::uint32_t>(from_to(1, 5));
  upstream.ejection.base = between(100, 1000);
  if (chance(40)) {
    upstream.bulkhead.concurrent = static_cast<std::uint32_t>(from_to(1, 4));
    upstream.bulkhead.queue = static_cast<std::uint32_t>(from_to(0, 4));
  }
}

policy::Upstream Chaos::random_upstream(std::string name, std::uint8_t first, std::uint8_t count) {
  policy::Upstream made = upstream(std::move(name), 0);
  const bool versioned = chance(30);
  for (std::uint8_t i = 0; i < count; ++i) {
    const char* version = !versioned ? "" : i % 2 == 0 ? "v1" : "v2";
    made.endpoints.push_back(endpoint(static_cast<std::uint8_t>(first + i), version));
  }
  made.connect_timeout = between(5, 250);
  random_resilience(made);
  constexpr std::array policies{policy::Balancing::peak_ewma, policy::Balancing::round_robin,
                                policy::Balancing::least_requests,
                                policy::Balancing::consistent_hash};
  made.balance.policy = policies.at(random_.below(policies.size()));
  if (chance(30)) made.pool.connections = static_cast<std::uint32_t>(from_to(1, 3));
  if (chance(30)) made.pool.idle = static_cast<std::uint32_t>(from_to(0, 2));
  if (chance(30)) made.pool.requests = from_to(1, 3);
  return made;
}

policy::Service Chaos::random_service() {
  const auto count = static_cast<std::uint8_t>(from_to(1, 4));
  std::vector<policy::Upstream> upstreams{random_upstream("catalog", 1, count),
                                          random_upstream("spare", 10, 1)};
  policy::Route route = route_to("catalog");
  if (chance(50)) route.budget = between(20, 800);
  if (chance(30)) route.failover = chance(70);
  if (chance(40)) {
    policy::Fallback fallback;
    fallback.kind =
        chance(50) ? policy::Fallback::Kind::static_response : policy::Fallback::Kind::upstream;
    fallback.upstream = fallback.kind == policy::Fallback::Kind::upstream ? "spare" : "";
    fallback.body = "[]";
    route.fallback = fallback;
  }
  constexpr std::array words{policy::CallerGone::by_method, policy::CallerGone::cancel,
                             policy::CallerGone::finish};
  route.on_caller_gone = words.at(random_.below(words.size()));
  if (chance(10)) route.body_limit = Bytes{from_to(100, 20'000)};
  policy::Service service = service_with(std::move(upstreams), {std::move(route)});
  service.outbound->budget.fallback = between(50, 1000);
  service.outbound->limits.body_timeout = between(50, 1000);
  service.outbound->limits.header_timeout = between(50, 1000);
  service.outbound->limits.idle_timeout = between(100, 3000);
  if (chance(20)) service.outbound->limits.requests = from_to(1, 4);
  service.outbound->server_timing = chance(20);
  service.outbound->trusted = chance(80);
  return service;
}

Mood Chaos::random_mood() {
  Mood mood;
  if (chance(12)) mood.connect = Listening::Answer::refuse;
  if (chance(4)) mood.connect = Listening::Answer::black_hole;
  if (chance(4)) mood.connect = Listening::Answer::unreachable;
  mood.connect_delay = between(0, 3);
  if (chance(40)) {
    constexpr std::array all{Mood::Does::hangs,    Mood::Does::resets,  Mood::Does::closes,
                             Mood::Does::cuts_off, Mood::Does::babbles, Mood::Does::half_head};
    mood.does = all.at(random_.below(all.size()));
  }
  mood.latency = between(0, chance(20) ? 400 : 10);
  mood.spread = between(0, 20);
  constexpr std::array<std::uint16_t, 8> statuses{200, 200, 200, 503, 500, 204, 304, 502};
  mood.status = statuses.at(random_.below(statuses.size()));
  mood.body = chance(20) ? from_to(0, 300'000) : from_to(0, 2000);
  mood.chunked = chance(40);
  mood.interim = chance(15);
  mood.early = chance(15);
  mood.keep_alive = !chance(15);
  mood.pieces = from_to(1, 6);
  mood.pause = between(0, chance(20) ? 300 : 5);
  mood.idle = between(1, 2000);
  if (chance(10)) mood.fields = "weir-failover: spent\r\n";
  return mood;
}

void Chaos::say_something(Client& client) {
  if (client.mute) return;
  const std::string id = fmt::format("/{}", ++requests_);
  std::string fields;
  if (chance(30)) fields += fmt::format("weir-budget-ms: {}\r\n", from_to(0, 600));
  if (chance(5)) fields += "weir-attempt: 2\r\n";
  if (chance(5)) fields += "weir-budget-ms: soon\r\n";
  if (chance(20)) fields += "Idempotency-Key: k\r\n";
  if (chance(5)) fields += "Connection: close\r\n";
  const std::size_t body = chance(20) ? from_to(0, 200'000) : from_to(0, 3000);
  switch (random_.below(8)) {
    case 0: client.post(id, body, fields + "Expect: 100-continue\r\n"); break;
    case 1:
    case 2: client.post(id, body, fields); break;
    case 3: {
      const std::string rest = body_of(body);
      client.request(
          fmt::format("PUT {} HTTP/1.1\r\nHost: catalog\r\nx-id: {}\r\n{}"
                      "Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                      id, id, fields, body == 0 ? "" : fmt::format("{:x}\r\n{}\r\n", body, rest)),
          http::Method::put, id);
      break;
    }
    case 4:
      client.request(
          fmt::format("HEAD {} HTTP/1.1\r\nHost: catalog\r\nx-id: {}\r\n{}\r\n", id, id, fields),
          http::Method::head, id);
      break;
    case 5:
      // The rest of the body never comes; anything else would be taken for it.
      client.mute = true;
      client.request(post_head(id, body + 1, fields) + body_of(body / 2), http::Method::post, id);
      break;
    default: client.get(id, fields); break;
  }
  if (!client.mute && chance(2)) client.request("\r\n\r\nnonsense \x01\r\n\r\n");
}

void Chaos::plan_caller(Instant from) {
  World& world = scene_.world;
  world.at(from, [this, &world] {
    Client& client = scene_.client();
    const std::uint64_t count = from_to(1, 6);
    Duration when{};
    for (std::uint64_t i = 0; i < count; ++i) {
      // Often before the last answer has come: pipelining.
      world.after(when, [this, &client] { say_something(client); });
      when += between(0, chance(50) ? 2 : 300);
    }
    if (chance(20)) world.after(between(0, 500), [&client] { client.close(); });
    if (chance(10)) world.after(between(0, 500), [&client] { client.reset(); });
    if (chance(10)) world.after(between(0, 500), [&client] { client.end(); });
    if (chance(15)) {
      world.after(between(0, 300), [&client] { client.pause(); });
      world.after(between(300, 2000), [&client] { client.resume(); });
    }
  });
}

void Chaos::plan_trouble() {
  World& world = scene_.world;
  for (const auto& instance : scene_.instances) instance->mood = random_mood();
  for (std::uint64_t i = from_to(0, 12); i > 0; --i) {
    world.after(between(0, 3000), [this] {
      Instance& any = *scene_.instances.at(random_.below(scene_.instances.size()));
      switch (random_.below(5)) {
        case 0: any.reset_all(); break;
        case 1: any.close_all(); break;
        case 2: any.stall(); break;
        case 3: any.go_on(); break;
        default: any.mood = random_mood(); break;
      }
    });
  }
  for (std::uint64_t i = from_to(0, 2); i > 0; --i) {
    world.after(between(0, 3000), [this] { scene_.apply(random_service()); });
  }
}

void Chaos::play() {
  scene_.apply(random_service());
  plan_trouble();
  for (std::uint64_t i = from_to(1, 8); i > 0; --i) {
    plan_caller(scene_.world.now() + between(0, 2500));
  }
  scene_.world.run_for(length_of_run);
  for (const auto& instance : scene_.instances) instance->go_on();
  scene_.finish();
}

}  // namespace weir::sim
