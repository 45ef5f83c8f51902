// Services in a row in virtual time: at each an application with a weir of its own beside it, whose
// inbound and outbound run on different workers. The last tier are plain instances.
//
//     Chain chain{{.services = 2, .copies = Copies::trace_headers}};
//     Client& user = chain.user();
//     user.get("/1", "weir-budget-ms: 500\r\n");
//     chain.world.run_for(seconds{1});
//     chain.leaf_calls("/1");
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/sim_calling.h"
#include "support/sim_client.h"
#include "support/sim_instance.h"
#include "support/sim_sidecar.h"

namespace weir::sim {

struct Habits {
  Copies copies = Copies::trace_headers;
  Duration before = std::chrono::milliseconds{2};  // of work, before it calls
  bool answers_first = false;                      // and calls afterwards
  bool hangs = false;                              // calls and never answers
  bool dead = false;                               // nobody listens
};

struct Shape {
  std::uint8_t services = 2;  // tiers of applications
  std::uint8_t replicas = 1;  // of each but the first
  std::uint8_t leaves = 1;
  Copies copies = Copies::trace_headers;
  std::uint64_t seed = 1;
};

class ChainedService;

class Chain {
 public:
  explicit Chain(const Shape& shape);
  ~Chain();

  // A connection to the first service's weir.
  Client& user();
  ChainedService& service(std::size_t tier, std::size_t replica = 0);
  Instance& leaf(std::size_t number = 0) { return *leaves_.at(number); }
  std::vector<const Sighting*> leaf_calls(std::string_view id) const;
  // Changes the policy of every service.
  void change(const std::function<void(policy::Service&)>& change);

  Network network;
  World& world = network.world;

 private:
  friend class ChainedService;
  Shape shape_;
  std::vector<std::unique_ptr<Instance>> leaves_;
  std::vector<std::vector<std::unique_ptr<ChainedService>>> tiers_;
  std::deque<std::unique_ptr<Client>> users_;
};

class ChainedService {
 public:
  ChainedService(Chain& chain, std::uint8_t tier, std::uint8_t replica);
  ~ChainedService();

  Habits habits;
  // Heads that the application was given.
  std::deque<http::RequestHead> heads;
  // The statuses of its calls' answers; 0 for a connection that broke.
  std::vector<int> statuses;
  Sidecar weir;
  RecordingRecorder& recorder = weir.recorder;

 private:
  class Application;
  class Serving;
  std::unique_ptr<Application> application_;
};

}  // namespace weir::sim
