// What must hold in every run of a Scene, whatever its policies, faults and callers were.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;

// A millisecond for the wheel, and one for what happens at the very edge of it.
constexpr Duration edge = std::chrono::milliseconds{2};

bool repeatable(const Sighting& sighting, const Scene& scene) {
  const bool declared = std::ranges::any_of(scene.applied, [&](const policy::Service& service) {
    return std::ranges::any_of(service.upstreams, [&](const policy::Upstream& upstream) {
      return resilience::declared_idempotent(sighting.head, upstream.failover);
    });
  });
  return declared || http::is_idempotent(sighting.method);
}

bool raced(const Kept& kept) { return kept.attempt(0).failure == Failure::reset_reused_connection; }

// Attempts against the route's own upstream.
std::size_t own_attempts(const Kept& kept) {
  std::size_t own = 0;
  for (std::size_t i = 0; i < kept.facts.attempt_count; ++i) {
    own += kept.attempt_upstreams.at(i).empty() ? 1U : 0U;
  }
  return own;
}

void expect_attempts(const Kept& kept) {
  EXPECT_LE(own_attempts(kept), 2U) << kept.target << " was tried a third time";
  if (own_attempts(kept) == 2 && kept.attempt(0).endpoint == kept.attempt(1).endpoint) {
    EXPECT_TRUE(raced(kept) && !kept.attempt(1).reused_connection)
        << kept.target << " was tried twice on one instance, at first with "
        << resilience::name_of(kept.attempt(0).failure) << ' ' << kept.attempt(0).status;
  }
}

void expect_in_time(const Kept& kept, const Scene& scene) {
  const auto& facts = kept.facts;
  if (facts.failure == Failure::expired_on_arrival) {
    EXPECT_EQ(facts.attempt_count, 0) << kept.target;
    return;
  }
  if (facts.first_byte) {
    EXPECT_LE(*facts.first_byte, facts.budget + edge) << kept.target << " answered too late";
  }
  const bool stream = std::ranges::any_of(scene.applied, [](const policy::Service& service) {
    return std::ranges::any_of(service.routes, [](const auto& route) { return !!route.idle; });
  });
  if (!stream && facts.status != 101 && facts.method != http::Method::connect) {
    EXPECT_LE(facts.elapsed, facts.budget + edge) << kept.target << " outlived its budget";
  }
}

void expect_second_attempts_within_tokens(const Scene& scene) {
  double ratio = 0;
  double floor = 0;
  for (const policy::Service& service : scene.applied) {
    for (const policy::Upstream& upstream : service.upstreams) {
      ratio = std::max(ratio, upstream.failover.ratio.value);
      floor = std::max(floor, upstream.failover.minimum_per_second);
    }
  }
  std::map<std::string, std::pair<double, double>> attempts;  // first and second ones
  for (const Kept& kept : scene.recorder.records) {
    auto& [firsts, seconds_made] = attempts[kept.upstream];
    if (own_attempts(kept) > 0) firsts += 1;
    if (own_attempts(kept) > 1 && !raced(kept)) seconds_made += 1;
  }
  const double time = seconds(scene.world.now() - scene.world.start());
  const double most = std::max(1.0, 10 * floor + 100 * ratio);
  for (const auto& [name, counts] : attempts) {
    EXPECT_LE(counts.second, most * static_cast<double>(scene.applied.size()) +
                                 ratio * counts.first + floor * time + 0.001)
        << "second attempts of " << name;
  }
}

// From the proxy to an instance at most: a window of bytes arrives as one piece.
Duration way_of(const LinkTraits& traits) {
  Duration way = traits.latency * 4;
  if (traits.bytes_per_second > 0) {
    way += Duration{traits.window * 1'000'000'000 / traits.bytes_per_second};
  }
  return way;
}

void expect_sighting(const Sighting& sighting, const Scene& scene) {
  if (sighting.budget) {
    EXPECT_GT(*sighting.budget, Duration::zero()) << sighting.id << " was sent on expired";
  }
  EXPECT_TRUE(sighting.body_intact) << sighting.id;
  const Kept* kept = scene.recorder.of(sighting.id);
  if (kept == nullptr) return;  // of a test that repeats its targets
  if (sighting.stalled) return;
  const Duration way = way_of(scene.traits);
  if (kept->facts.status == 101 || kept->facts.method == http::Method::connect) return;
  EXPECT_LE(sighting.at, kept->deadline() + way + edge)
      << sighting.id << " reached an instance after its deadline";
  if (sighting.budget) {
    EXPECT_LE(sighting.at + *sighting.budget, kept->deadline() + way + edge)
        << sighting.id << " was granted more than its caller had";
  }
}

void expect_each_seen_no_more_than_allowed(const Scene& scene) {
  std::map<std::string, std::vector<const Sighting*>> by_id;
  for (const Sighting* sighting : scene.sightings()) by_id[sighting->id].push_back(sighting);
  for (const auto& [id, all] : by_id) {
    const Kept* kept = scene.recorder.of(id);
    if (id.empty() || kept == nullptr) continue;
    EXPECT_LE(all.size(), kept->facts.fallback ? 3U : 2U) << id;
    EXPECT_LE(all.size(), kept->facts.attempt_count) << id;
    if (!repeatable(*all.front(), scene)) {
      EXPECT_EQ(all.size(), 1U) << id << " is not idempotent and was sent twice";
    }
  }
}

void expect_client(const Client& client, const Scene& scene) {
  EXPECT_FALSE(client.confused());
  for (const Response& response : client.responses()) {
    const std::string instance = response.field("x-instance");
    if (!response.complete || instance.empty() || response.target.empty()) continue;
    EXPECT_TRUE(response.intact) << response.target;
    // The proxy has told a gRPC caller in the trailers that it is not.
    if (response.trailers.find(http::Name::grpc_message).value_or("").starts_with("weir: "))
      continue;
    const auto seen = scene.sightings(response.target);
    EXPECT_TRUE(std::ranges::any_of(seen,
                                    [&](const Sighting* sighting) {
                                      return sighting->instance == instance && sighting->answered;
                                    }))
        << response.target << " looks complete, but its instance never finished it";
  }
}

void expect_nothing_left(const Scene& scene) {
  EXPECT_EQ(scene.recorder.counted, scene.recorder.started);
  EXPECT_EQ(scene.recorder.started, scene.recorder.ended);
  EXPECT_EQ(scene.worker.exchanges(), 0U);
  EXPECT_EQ(scene.recorder.downstream_open, 0);
  EXPECT_EQ(scene.recorder.upstream_open, 0);
  EXPECT_EQ(scene.holdings.transports, 0U);
  EXPECT_EQ(scene.holdings.connecting, 0U);
  EXPECT_EQ(scene.counts.outbound_connections.load(), 0U);
  EXPECT_EQ(scene.counts.inbound_connections.load(), 0U);
  for (const auto& cluster : scene.clusters.status(scene.world.now())) {
    EXPECT_EQ(cluster.concurrent, 0U) << cluster.name;
    EXPECT_EQ(cluster.waiting, 0U) << cluster.name;
    for (const auto& endpoint : cluster.endpoints) {
      EXPECT_EQ(endpoint.outstanding, 0U) << endpoint.facts.address.text();
    }
  }
}

}  // namespace

void expect_invariants(const Scene& scene) {
  for (const Kept& kept : scene.recorder.records) {
    expect_attempts(kept);
    expect_in_time(kept, scene);
  }
  expect_second_attempts_within_tokens(scene);
  for (const Sighting* sighting : scene.sightings()) expect_sighting(*sighting, scene);
  expect_each_seen_no_more_than_allowed(scene);
  for (const auto& client : scene.clients) expect_client(*client, scene);
  for (const auto& instance : scene.instances) EXPECT_FALSE(instance->confused());
  expect_nothing_left(scene);
}

}  // namespace weir::sim
