// The running mesh: its processes, what was done to them, and what the sidecars say.
//
// Everything is a process of its own that ends with this one. Nothing here blocks; look() is called
// many times a second and notices what has changed, also by hands other than ours.
#pragma once

#include <deque>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/demo_caller.h"
#include "cli/demo_child.h"
#include "cli/demo_view.h"

namespace weir::cli {

// A counter's rate over the last two seconds.
class Rate {
 public:
  void record(Instant now, std::uint64_t total);
  double per_second() const;

 private:
  struct Sample {
    Instant at;
    std::uint64_t total;
  };
  std::deque<Sample> samples_;
};

// What happened, the newest last; bounded.
class Journal {
 public:
  void add(std::string text);
  const std::deque<Event>& events() const { return events_; }
  // Since the start, those that were dropped included.
  std::size_t count() const { return count_; }

 private:
  static constexpr std::size_t most_events = 100;
  std::deque<Event> events_;
  std::size_t count_ = 0;
};

class Mesh {
 public:
  // `directory` exists; configurations and logs are written into it.
  Mesh(net::Loop& loop, MeshPlan plan, std::filesystem::path directory);
  ~Mesh();

  // Starts every process and turns the loop until all of them are ready.
  std::expected<void, std::string> start();
  // Notices what has happened to the processes, and asks the sidecars when it is time.
  void look();
  // The error is a sentence for people.
  std::expected<void, std::string> apply(std::string_view instance, Verb verb);
  // The sidecars end in order, the instances at once.
  void stop();

  const MeshPlan& plan() const { return plan_; }
  const Journal& journal() const { return journal_; }
  // Adds what is known of the processes.
  void describe(Picture& picture) const;

 private:
  struct Instance {
    const InstancePlan& plan;
    std::optional<Child> child{};
    Condition condition = Condition::ok;
    bool restoring = false;  // started, and not heard of yet
    std::string heard{};     // part of a report
    std::uint64_t calls = 0;
    std::uint64_t calls_before = 0;  // of its earlier processes
    Rate rate{};
  };
  struct Sidecar {
    const SidecarPlan& plan;
    std::filesystem::path file;
    std::optional<Child> child{};
    std::unique_ptr<HttpCaller> admin;
    SidecarReport report{};
    Refusals refusals{};
    Rate failovers{};
  };

  std::expected<void, std::string> launch(Instance& instance);
  std::expected<void, std::string> launch(Sidecar& sidecar);
  bool ready() const;
  std::expected<void, std::string> nobody_died() const;
  void watch(Instance& instance);
  void listen_to(Instance& instance);
  void watch(Sidecar& sidecar);
  void ask(Sidecar& sidecar);
  void compare(const Sidecar& sidecar, const SidecarReport& now);
  std::filesystem::path log_of(std::string_view name) const;

  net::Loop& loop_;
  MeshPlan plan_;
  std::filesystem::path directory_;
  Journal journal_;
  std::deque<Instance> instances_;
  std::deque<Sidecar> sidecars_;
  Instant next_question_{};
};

}  // namespace weir::cli
