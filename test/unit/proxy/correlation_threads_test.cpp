// Inbound and outbound on different threads, each free to end first. Says most under a thread
// sanitizer.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "weir/base/random.h"
#include "weir/proxy/correlation.h"

namespace weir::proxy {
namespace {

using telemetry::CauseSource;
using End = InboundRequest::End;

constexpr Instant start{std::chrono::hours{1}};
constexpr int workers = 4;
constexpr int turns = 4000;
constexpr std::uint64_t traces = 16;

class Letters final : public Mailbox {
 public:
  void post(std::function<void()> task) override {
    const std::lock_guard lock{mutex_};
    tasks_.push_back(std::move(task));
  }
  void deliver() {
    std::deque<std::function<void()>> tasks;
    {
      const std::lock_guard lock{mutex_};
      tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
  }

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
};

struct Woken final : Wakeable {
  void wake() override { woken = true; }
  bool woken = false;
};

struct Request {
  Woken woken;
  InboundRequest inbound{woken};
};

struct Call {
  explicit Call(Correlator& correlator) : causes(correlator, woken) {}
  Woken woken;
  Causes causes;
};

// What the threads show each other: the latest id of each worker.
struct Board {
  std::mutex mutex;
  std::array<std::optional<CauseId>, workers> latest;
};

class Worker {
 public:
  Worker(Correlation& table, Board& board, int number)
      : board_(board),
        number_(static_cast<std::size_t>(number)),
        random_(static_cast<std::uint64_t>(number) + 1),
        correlator_(table.join(letters_, ready_)) {}

  void run() {
    for (int turn = 0; turn < turns; ++turn) {
      switch (random_.below(4)) {
        case 0: enter(); break;
        case 1: leave(); break;
        case 2: call(); break;
        default: end_call(); break;
      }
      letters_.deliver();
      ready_.drain();
    }
  }

  // With everybody at rest: whoever is gone has been woken, or knew it from the start.
  void check() {
    letters_.deliver();
    ready_.drain();
    for (const Call& call : calls_) {
      EXPECT_EQ(call.causes.gone(), call.woken.woken || born_gone_.contains(&call));
    }
  }
  void clear() {
    calls_.clear();
    requests_.clear();
  }

 private:
  Ancestry ancestry() { return {.trace = {7, 1 + random_.below(traces)}, .span = {1}}; }

  void enter() {
    requests_.emplace_back().inbound.enter(correlator_, ancestry(), {});
    const std::lock_guard lock{board_.mutex};
    board_.latest[number_] = requests_.back().inbound.id();
  }
  void leave() {
    if (requests_.empty()) return;
    requests_.front().inbound.leave(random_.below(3) == 0 ? End::completed : End::gone, start);
    requests_.pop_front();
  }
  void call() {
    Ancestry asked = ancestry();
    if (random_.below(2) == 0) {
      const std::lock_guard lock{board_.mutex};
      asked.id = board_.latest[random_.below(workers)];
    }
    Call& made = calls_.emplace_back(correlator_);
    made.causes.find(asked, start);
    if (made.causes.gone()) born_gone_.insert(&made);
    if (random_.below(4) == 0) made.causes.spend();
    made.causes.agree("route", "v1");
  }
  void end_call() {
    if (calls_.empty()) return;
    born_gone_.erase(&calls_.front());
    calls_.pop_front();
  }

  Board& board_;
  std::size_t number_;
  Random random_;
  Letters letters_;
  ReadyQueue ready_;
  Correlator& correlator_;
  std::deque<Request> requests_;
  std::deque<Call> calls_;
  std::set<const Call*> born_gone_;
};

TEST(CorrelationThreads, let_either_side_end_first) {
  Correlation table;
  Board board;
  std::deque<Worker> all;
  for (int number = 0; number < workers; ++number) all.emplace_back(table, board, number);
  {
    std::vector<std::jthread> threads;
    for (Worker& worker : all) threads.emplace_back([&worker] { worker.run(); });
  }
  for (Worker& worker : all) worker.check();
  for (Worker& worker : all) worker.clear();
}

}  // namespace
}  // namespace weir::proxy
