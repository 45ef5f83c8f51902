// A weir beside an application, as a process of its own: a worker for what comes in and another for
// what goes out.
#pragma once

#include <memory>

#include "support/sim_network.h"
#include "support/sim_policy.h"
#include "support/sim_recorder.h"
#include "weir/proxy/worker.h"

namespace weir::sim {

struct Network {
  explicit Network(std::uint64_t seed) : world(seed) {}
  World world;
  Holdings holdings;
  SimConnector connector{world, holdings};
};

class Sidecar final : private Listening {
 public:
  // Other weirs reach it at `address`.
  Sidecar(Network& network, const Address& address, std::uint64_t seed = 1);
  ~Sidecar();

  void apply(policy::Service service);
  const policy::Service& service() const { return service_; }
  // A connection to one of its listeners.
  std::shared_ptr<Link> connect(telemetry::Direction direction);
  void drain();
  // For when everybody has left and it has drained: every exchange was recorded, nothing is held.
  void expect_nothing_left();

  Answer answers = Answer::accept;  // to other weirs
  RecordingRecorder recorder;
  proxy::ProcessCounts counts;

 private:
  Answer answer() override { return answers; }
  Duration delay() override;
  LinkTraits traits() override { return {}; }
  void accept(std::shared_ptr<Link> link) override;
  void accept(std::shared_ptr<Link> link, telemetry::Direction direction, Side side);

  Network& network_;
  policy::Service service_;
  proxy::Clusters clusters_;
  proxy::Worker inbound_;
  proxy::Worker outbound_;
  int draining_ = 0;
};

}  // namespace weir::sim
