#include "support/sim_proxy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "support/sim_scope.h"

namespace weir::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

Scene::Scene(std::uint64_t seed, LinkTraits link)
    : world(seed),
      clusters(seed),
      worker(world.scheduler(), world, connector, recorder, counts, seed),
      traits(link) {}

Scene::~Scene() = default;

void Scene::apply(policy::Service service) {
  applied.push_back(service);
  const auto add = [&](const policy::Upstream& upstream) {
    for (const policy::Endpoint& endpoint : upstream.endpoints) {
      const bool known = std::ranges::any_of(
          instances, [&](const auto& instance) { return instance->address() == endpoint.address; });
      if (known) continue;
      instances.push_back(
          std::make_unique<Instance>(world, endpoint.address.text(), endpoint.address, traits));
      connector.listen(endpoint.address, *instances.back());
    }
  };
  for (const policy::Upstream& upstream : service.upstreams) add(upstream);
  if (service.inbound) add(service.inbound->upstream);
  worker.apply(clusters.compile(std::move(service), world.now()));
}

Client& Scene::client(telemetry::Direction direction) {
  auto link = std::make_shared<Link>(world, traits);
  clients.push_back(std::make_unique<Client>(link));
  const auto port = static_cast<std::uint16_t>(40000 + clients.size() % 20000);
  auto transport =
      std::make_unique<SimTransport>(link, Address::v4({127, 0, 0, 1}, port), holdings);
  const Scope scope{Whose::proxy};
  worker.accept({direction}, std::move(transport));
  return *clients.back();
}

Instance& Scene::instance_at(const Address& address) {
  const auto found =
      std::ranges::find(instances, address,
                        [](const auto& instance) -> const Address& { return instance->address(); });
  EXPECT_NE(found, instances.end());
  return **found;
}

Instance& Scene::instance(std::uint8_t number) { return instance_at(instance_address(number)); }

const Response* Scene::fetch(std::string_view target, std::string_view fields) {
  Client& one = client();
  one.get(target, fields);
  world.run_until([&] { return one.answer() != nullptr || one.over(); }, seconds{120});
  const Response* answer = one.answer();
  if (answer != nullptr) one.close();
  return answer;
}

std::vector<const Sighting*> Scene::sightings() const {
  std::vector<const Sighting*> all;
  for (const auto& instance : instances) {
    for (const Sighting& sighting : instance->seen()) all.push_back(&sighting);
  }
  return all;
}

std::vector<const Sighting*> Scene::sightings(std::string_view id) const {
  auto all = sightings();
  std::erase_if(all, [&](const Sighting* sighting) { return sighting->id != id; });
  std::ranges::stable_sort(all, {}, &Sighting::at);
  return all;
}

cluster::ClusterStatus Scene::cluster(std::string_view name) const {
  for (auto& status : clusters.status(world.now())) {
    if (status.name == name) return std::move(status);
  }
  return {};
}

void Scene::finish() {
  world.run_for(seconds{40});
  for (const auto& client : clients) client->close();
  world.run_for(seconds{100});
  bool drained = false;
  {
    const Scope scope{Whose::proxy};
    worker.drain([&] { drained = true; });
  }
  world.run_for(seconds{40});
  EXPECT_TRUE(drained);
  expect_invariants(*this);
}

}  // namespace weir::sim
