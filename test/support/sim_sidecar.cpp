#include "support/sim_sidecar.h"

#include <gtest/gtest.h>

#include <utility>

#include "support/sim_scope.h"

namespace weir::sim {
namespace {
constexpr Duration short_delay = std::chrono::microseconds{100};
}

Sidecar::Sidecar(Network& network, const Address& address, std::uint64_t seed)
    : recorder(network.world),
      network_(network),
      clusters_(seed),
      inbound_(network.world.scheduler(), network.world, network.connector, recorder, counts,
               2 * seed),
      outbound_(network.world.scheduler(), network.world, network.connector, recorder, counts,
                2 * seed + 1) {
  network.connector.listen(address, *this);
}

Sidecar::~Sidecar() = default;

Duration Sidecar::delay() { return short_delay; }

void Sidecar::apply(policy::Service service) {
  service_ = service;
  const auto snapshot = clusters_.compile(std::move(service), network_.world.now());
  inbound_.apply(snapshot);
  outbound_.apply(snapshot);
}

void Sidecar::accept(std::shared_ptr<Link> link) {
  accept(std::move(link), telemetry::Direction::inbound, Side::peer);
}

void Sidecar::accept(std::shared_ptr<Link> link, telemetry::Direction direction, Side side) {
  auto transport = std::make_unique<SimTransport>(
      std::move(link), Address::v4({127, 0, 0, 1}, 40000), network_.holdings, side);
  const Scope scope{Whose::proxy};
  auto& worker = direction == telemetry::Direction::inbound ? inbound_ : outbound_;
  worker.accept({direction}, std::move(transport));
}

std::shared_ptr<Link> Sidecar::connect(telemetry::Direction direction) {
  auto link = std::make_shared<Link>(network_.world, LinkTraits{});
  network_.world.after(short_delay,
                       [this, link, direction] { accept(link, direction, Side::proxy); });
  return link;
}

void Sidecar::drain() {
  const Scope scope{Whose::proxy};
  for (auto* worker : {&inbound_, &outbound_}) {
    ++draining_;
    worker->drain([this] { --draining_; });
  }
}

void Sidecar::expect_nothing_left() {
  EXPECT_EQ(draining_, 0);
  EXPECT_EQ(recorder.counted, recorder.started);
  EXPECT_EQ(recorder.started, recorder.ended);
  EXPECT_EQ(inbound_.exchanges() + outbound_.exchanges(), 0U);
  EXPECT_EQ(recorder.downstream_open, 0);
  EXPECT_EQ(recorder.upstream_open, 0);
  EXPECT_EQ(counts.outbound_connections.load() + counts.inbound_connections.load(), 0U);
  for (const auto& cluster : clusters_.status(network_.world.now())) {
    EXPECT_EQ(cluster.concurrent + cluster.waiting, 0U) << cluster.name;
    for (const auto& endpoint : cluster.endpoints) {
      EXPECT_EQ(endpoint.outstanding, 0U) << endpoint.facts.address.text();
    }
  }
}

}  // namespace weir::sim
