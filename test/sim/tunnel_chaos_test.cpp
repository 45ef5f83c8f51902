// Promise: whatever both ends, the network and the operator do, each tunnel leaves one record and
// nothing else, and what has arrived is what was sent.

#include <gtest/gtest.h>

#include "support/sim_tunnel.h"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A run with everything from one seed.
class Turmoil {
 public:
  explicit Turmoil(std::uint64_t seed) : random_(seed) {
    stage_.database().connect_timeout = milliseconds{20 + random_.below(100)};
    stage_.database().bulkhead = {.concurrent = static_cast<std::uint32_t>(2 + random_.below(8)),
                                  .queue = static_cast<std::uint32_t>(1 + random_.below(8))};
    stage_.database().tunnel.idle = milliseconds{200 + random_.below(2000)};
    if (chance(3)) stage_.database().tunnel.maximum_age = milliseconds{50 + random_.below(500)};
    stage_.database().ejection.enabled = chance(2);
    stage_.service.process.drain = seconds{2};
    for (Server& server : stage_.servers) change(server);
    stage_.apply();
  }

  void play() {
    for (std::size_t call = 0; call < calls; ++call) {
      begin(stage_.call());
      if (chance(4)) change(stage_.servers[random_.below(stage_.servers.size())]);
      if (chance(10)) stage_.apply();
      stage_.world.run_for(milliseconds{random_.below(30)});
      disturb();
    }
    bool drained = false;
    stage_.worker.drain([&drained] { drained = true; });
    stage_.world.run_for(seconds{10});
    EXPECT_TRUE(drained);
    for (const auto& caller : stage_.callers) EXPECT_TRUE(is_body(caller->heard, 0));
    stage_.finish(calls);
  }

 private:
  static constexpr std::size_t calls = 30;

  bool chance(std::uint64_t one_in) { return random_.below(one_in) == 0; }

  void change(Server& server) {
    using Answer = Listening::Answer;
    constexpr std::array answers{Answer::accept, Answer::accept,     Answer::accept,
                                 Answer::refuse, Answer::black_hole, Answer::unreachable};
    server.takes = answers[random_.below(answers.size())];
    server.resets = chance(3);
    server.connects_in = milliseconds{random_.below(15)};
    server.link.ragged = chance(2);
    server.link.window = 500 + random_.below(100'000);
  }

  void begin(Talker& caller) {
    if (chance(8)) return;
    caller.send(body_of(random_.below(200'000)));
    if (chance(2)) caller.end();
  }

  // Somebody goes, one way or another.
  void disturb() {
    Server& server = stage_.servers[random_.below(stage_.servers.size())];
    Talker* one = stage_.callers[random_.below(stage_.callers.size())].get();
    if (chance(2) && !server.talkers.empty()) {
      one = server.talkers[random_.below(server.talkers.size())].get();
    }
    if (!one->open()) return;
    switch (random_.below(5)) {
      case 0: return one->reset();
      case 1: return one->end();
      case 2: return one->pause();
      case 3: return one->resume();
      default: return;
    }
  }

  Random random_;
  TunnelStage stage_;
};

TEST(Tunnel, invariants_hold_in_every_random_run) {
  for (std::uint64_t seed = 1; seed <= 500 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Turmoil{seed}.play();
  }
}

}  // namespace
}  // namespace weir::sim
