// A whole worker in virtual time, with callers on one side and instances on the other.
//
//     Scene scene{seed};
//     scene.apply(service_with(upstream("catalog", 3)));
//     Client& client = scene.client();
//     client.get("/1");
//     scene.world.run_for(milliseconds{100});
//     scene.finish();        // everybody leaves; then the invariants hold or the test fails
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/sim_client.h"
#include "support/sim_instance.h"
#include "support/sim_network.h"
#include "support/sim_policy.h"
#include "support/sim_recorder.h"
#include "weir/proxy/worker.h"

namespace weir::sim {

class Scene {
 public:
  explicit Scene(std::uint64_t seed = 1, LinkTraits traits = {});
  ~Scene();

  // The first call also makes an instance for every endpoint; later ones for new endpoints.
  void apply(policy::Service service);
  // What is in force; change it and apply() again.
  const policy::Service& service() const { return applied.back(); }
  Client& client(telemetry::Direction direction = telemetry::Direction::outbound);
  Instance& instance(std::uint8_t number);
  Instance& instance_at(const Address& address);

  // One request on a connection of its own, until it is answered or cut off.
  const Response* fetch(std::string_view target, std::string_view fields = {});

  // All requests that instances saw, in no order.
  std::vector<const Sighting*> sightings() const;
  std::vector<const Sighting*> sightings(std::string_view id) const;
  cluster::ClusterStatus cluster(std::string_view name = "catalog") const;

  // Callers leave, time passes until nothing can be in flight, the worker drains; then everything
  // that must always hold is expected (invariants.cpp).
  void finish();

  World world;
  RecordingRecorder recorder{world};
  Holdings holdings;
  SimConnector connector{world, holdings};
  proxy::ProcessCounts counts;
  proxy::Clusters clusters;
  proxy::Worker worker;
  LinkTraits traits;  // of connections made from now on
  std::deque<std::unique_ptr<Client>> clients;
  std::deque<std::unique_ptr<Instance>> instances;
  std::vector<policy::Service> applied;  // every generation
};

// What holds in every run, whatever happened in it.
void expect_invariants(const Scene& scene);

}  // namespace weir::sim
