// Trees and diamonds of services whose instances fail in every way: what one user's request may
// cost, how long it may last, and that nothing of it is left.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "support/sim_tree_chaos.h"
#include "weir/proxy/causes.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::Direction;

constexpr Copies everything[] = {Copies::everything};
constexpr Copies trace_headers[] = {Copies::trace_headers};
constexpr Copies trace_id[] = {Copies::trace_id};
constexpr Copies request_id[] = {Copies::request_id};
constexpr Copies nothing[] = {Copies::nothing};
constexpr Copies any[] = {Copies::everything, Copies::trace_headers, Copies::trace_id,
                          Copies::request_id, Copies::nothing};
constexpr std::span<const Copies> habits[] = {everything, trace_headers, trace_id,
                                              request_id, nothing,       any};

std::uint64_t number_in_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// From a caller's going to the end of what it caused, at each hop; and of timers.
constexpr Duration hop = milliseconds{1};
constexpr Duration edge = milliseconds{1};

// As a failed test prints it.
double ms(Instant instant) {
  return std::chrono::duration<double, std::milli>(instant.time_since_epoch()).count() - 3.6e6;
}

enum class Link { exact, weak, cut };

std::size_t number_after(std::string_view text, char mark) {
  return std::stoul(std::string{text.substr(text.find(mark) + 1)});
}

// What the rules look at when a run is over.
class Findings {
 public:
  explicit Findings(Tree& finished) : tree(finished) {
    each_record(Direction::inbound, [this](const Kept& kept, const auto& process) {
      inbound_[{process, number_after(kept.target, '/')}].push_back(&kept);
    });
  }

  using Process = std::pair<std::size_t, std::size_t>;
  void each_record(Direction direction, const auto& look) const {
    for (std::size_t service = 0; service < tree.shape().services.size(); ++service) {
      for (std::size_t number = 0; number < tree.shape().services[service].instances; ++number) {
        for (const Kept& kept : tree.instance(service, number).weir.recorder.records) {
          if (kept.facts.direction == direction) look(kept, Process{service, number});
        }
      }
    }
  }

  // What joins a request to the calls that it makes its application make.
  Link link(const Visit& cause) const {
    switch (tree.shape().services[cause.service].copies) {
      case Copies::everything:
      case Copies::trace_headers: return Link::exact;
      case Copies::trace_id: return Link::weak;
      case Copies::request_id:
        return cause.fields.contains(http::Name::x_request_id) ? Link::weak : Link::cut;
      case Copies::nothing: return Link::cut;
    }
    return Link::cut;
  }

  // The inbound requests that may be taken for what caused `cause`'s calls.
  std::vector<const Kept*> candidates(const Visit& cause) const {
    const auto at = inbound_.find({{cause.service, cause.instance}, cause.user});
    auto found = at == inbound_.end() ? std::vector<const Kept*>{} : at->second;
    if (link(cause) == Link::exact) {
      std::erase_if(found, [&](const Kept* kept) { return kept->target != cause.target; });
    }
    return found;
  }

  // Its cause was known when it was called.
  bool joined(const Visit& visit) const {
    if (visit.cause == nullptr) return true;
    const bool served = !visit.cause->over || *visit.cause->over > visit.at;
    return link(*visit.cause) != Link::cut && served;
  }
  // There is no other request that it could be taken to belong to.
  bool certain(const Visit& visit) const {
    if (visit.cause == nullptr) return true;
    return link(*visit.cause) != Link::cut && candidates(*visit.cause).size() == 1;
  }
  // At every hop from the user.
  bool follows(const Visit& visit) const {
    return joined(visit) && certain(visit) && (visit.cause == nullptr || follows(*visit.cause));
  }
  // How often on the way from the user to a request that began then the calls below could not be
  // joined to those above, or somebody above had answered and heard no news any more.
  std::size_t cuts(const Visit& visit, Instant began) const {
    const Visit* cause = visit.cause;
    if (cause == nullptr || cause->cause == nullptr) return 0;
    const bool ended = !cause->cancelled && cause->over && *cause->over < began;
    return cuts(*cause, began) + (ended || !certain(visit) ? 1 : 0);
  }
  bool cancels(const Visit& visit) const { return http::is_safe(tree.users()[visit.user].method); }

  Tree& tree;

 private:
  std::map<std::pair<Process, std::size_t>, std::vector<const Kept*>> inbound_;
};

// Rule: two calls at most for each path of calls that the applications make, and as often twice
// that as there is an application on the path that cuts it.
std::size_t expect_two_calls(const Findings& run) {
  struct Path {
    std::size_t calls = 0;
    std::size_t cuts = 0;
  };
  std::map<std::pair<std::size_t, std::string>, Path> paths;
  for (const Visit& visit : run.tree.visits()) {
    Path& path = paths[{visit.user, visit.path}];
    ++path.calls;
    path.cuts = std::max(path.cuts, run.cuts(visit, visit.at));
  }
  std::size_t twice = 0;
  for (const auto& [of, path] : paths) {
    EXPECT_LE(path.calls, std::size_t{2} << path.cuts)
        << "too many calls: user " << of.first << ", path " << of.second;
    twice += path.calls > 1 ? 1U : 0U;
  }
  return twice;
}

// Rule: a budget shrinks by two margins at every hop, and nothing starts after the user's deadline.
void expect_budgets_shrink(const Findings& run) {
  constexpr Duration margins = milliseconds{10};
  for (const Visit& visit : run.tree.visits()) {
    if (run.follows(visit)) {
      const User& user = run.tree.users()[visit.user];
      EXPECT_LT(ms(visit.at), ms(user.deadline)) << "started too late: " << visit.target;
      EXPECT_LE(ms(visit.deadline), ms(user.deadline + hop))
          << "longer than its user: " << visit.target;
    }
    if (visit.cause == nullptr || !run.joined(visit)) continue;
    Instant latest{};
    for (const Kept* cause : run.candidates(*visit.cause)) {
      latest = std::max(latest, cause->deadline());
    }
    EXPECT_LE(ms(visit.deadline), ms(latest - margins + hop))
        << "longer than its cause: " << visit.target;
  }
}

// Rule: what was caused by somebody who has gone, or whose time is over, ends with him.
std::size_t expect_cancelled(const Findings& run) {
  std::size_t cancelled = 0;
  for (const Visit& visit : run.tree.visits()) {
    const User& user = run.tree.users()[visit.user];
    const bool cancels = run.cancels(visit);
    Instant end = Instant::max();
    if (visit.cause == nullptr) {
      end = cancels && user.gone ? std::min(user.deadline, *user.gone) : user.deadline;
      end += edge;
    } else if (cancels && visit.cause->cancelled && run.certain(visit)) {
      end = *visit.cause->over;
    } else if (cancels && visit.cause->died) {
      end = *visit.cause->died;
    }
    if (end != Instant::max()) end += hop;
    EXPECT_LE(ms(visit.at), ms(end)) << "begun in vain: " << visit.target;
    EXPECT_LE(ms(visit.over.value_or(Instant::max())), ms(end))
        << "worked on in vain: " << visit.target;
    if (visit.cause != nullptr && visit.cancelled && visit.cause->cancelled) ++cancelled;
  }
  return cancelled;
}

// Rule: nothing is cancelled because of a request that was answered.
void expect_nothing_else_cancelled(const Findings& run) {
  run.each_record(Direction::outbound, [&](const Kept& kept, const auto&) {
    if (kept.facts.failure != Failure::caller_gone) return;
    const Visit& cause = run.tree.visits()[number_after(kept.target, '?')];
    const bool gone = std::ranges::any_of(run.candidates(cause), [](const Kept* candidate) {
      const Failure failure = candidate->facts.failure;
      return failure == Failure::caller_gone || failure == Failure::deadline_passed;
    });
    EXPECT_TRUE(cause.died || (run.link(cause) != Link::cut && gone))
        << "cancelled for nobody: " << kept.target;
  });
}

// Nobody is ever woken by it.
class Nobody final : public Wakeable {
  void wake() override {}
};

// Rule: each exchange leaves one record and nothing else.
void expect_nothing_left(const Findings& run) {
  Tree& tree = run.tree;
  const TreeShape& shape = tree.shape();
  EXPECT_EQ(tree.network.holdings.transports, 0U);
  EXPECT_EQ(tree.network.holdings.connecting, 0U);
  Nobody nobody;
  std::map<const Sidecar*, proxy::Correlator*> correlators;
  for (std::size_t service = 0; service < shape.services.size(); ++service) {
    for (std::size_t number = 0; number < shape.services[service].instances; ++number) {
      Sidecar& weir = tree.instance(service, number).weir;
      weir.expect_nothing_left();
      correlators[&weir] =
          &weir.counts.correlation.join(tree.network.world, tree.network.world.scheduler().ready());
    }
  }
  for (const Visit& visit : tree.visits()) {
    auto& correlator = *correlators.at(&tree.instance(visit.service, visit.instance).weir);
    // By the exact id, and by every weaker key.
    for (auto ancestry = proxy::read_ancestry(visit.fields);; ancestry.id.reset()) {
      proxy::Causes causes{correlator, nobody};
      causes.find(ancestry, tree.network.world.now());
      EXPECT_EQ(causes.candidates(), 0U) << "still registered: " << visit.target;
      if (!ancestry.id) break;
    }
  }
}

// WEIR_SIM_SEED=n WEIR_SIM_RUNS=1 plays the run of a failure again.
TEST(Trees, rules_hold_in_every_random_run) {
  const std::uint64_t first = number_in_environment("WEIR_SIM_SEED", 1);
  const std::uint64_t runs = number_in_environment("WEIR_SIM_RUNS", 300);
  std::size_t visits = 0;
  std::size_t twice = 0;
  std::size_t cancelled = 0;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    SCOPED_TRACE("WEIR_SIM_SEED=" + std::to_string(seed) + " WEIR_SIM_RUNS=1");
    TreeChaos chaos{seed, habits[seed % std::size(habits)]};
    chaos.play();
    const Findings run{chaos.tree()};
    visits += chaos.tree().visits().size();
    twice += expect_two_calls(run);
    expect_budgets_shrink(run);
    cancelled += expect_cancelled(run);
    expect_nothing_else_cancelled(run);
    expect_nothing_left(run);
    if (HasFailure()) break;
  }
  // Otherwise nothing has been shown.
  EXPECT_GT(visits, 20 * runs);
  EXPECT_GT(twice, runs);
  EXPECT_GT(cancelled, runs);
  RecordProperty("visits", static_cast<int>(visits));
}

TEST(Trees, each_call_is_made_once_where_nothing_fails) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Tree tree{random_tree(seed, habits[seed % std::size(habits)])};
    const auto ways = ways_to(tree.shape());
    User& user = tree.ask(seconds{5});
    tree.network.world.run_for(seconds{5});
    ASSERT_NE(user.client->answer(), nullptr) << "seed " << seed;
    EXPECT_EQ(user.client->answer()->head.status, 200) << "seed " << seed;
    EXPECT_EQ(tree.visits().size(), std::accumulate(ways.begin(), ways.end(), std::size_t{}));
  }
}

// A parent that fails fast is asked again elsewhere, while the call of its first life goes on.
TEST(Trees, calls_of_an_application_that_has_failed_meanwhile_do_not_fail_over) {
  Tree tree{{.services = {{.calls = {1}}, {.calls = {2}, .instances = 2}, {.instances = 3}}}};
  for (const std::size_t parent : {0U, 1U}) {
    tree.instance(1, parent).temper = {.does = Temper::Does::gives_up, .life = milliseconds{20}};
  }
  for (const std::size_t leaf : {0U, 1U, 2U}) {
    tree.instance(2, leaf).temper.does = Temper::Does::hangs;
  }
  tree.ask(seconds{1});
  tree.network.world.run_for(seconds{2});
  EXPECT_EQ(std::ranges::count(tree.visits(), std::size_t{2}, &Visit::service), 2);
}

TEST(Trees, nothing_is_begun_after_the_deadline_of_its_cause_however_unsafe_it_is) {
  Tree tree{{.services = {{.calls = {1}}, {.instances = 2}}}};
  tree.instance(0, 0).temper.before = milliseconds{300};
  tree.ask(milliseconds{100}, http::Method::put);
  tree.network.world.run_for(seconds{2});
  EXPECT_EQ(tree.visits().size(), 1U);
}

// How many calls each service may get: at every tier what comes, a tenth more, and the floor of
// every weir there.
std::vector<double> most_calls(const TreeShape& shape, double users, Duration time) {
  const double ratio = shape.policy.failover.ratio.value;
  const double per_second = shape.policy.failover.minimum_per_second;
  const double floor = std::max(1.0, 10 * per_second + 100 * ratio) +
                       per_second * std::chrono::duration<double>(time).count();
  std::vector<double> most(shape.services.size());
  most[0] = users;
  for (std::size_t from = 0; from < most.size(); ++from) {
    const auto& calls = shape.services[from].calls;
    for (const std::size_t to : calls) most[to] += most[from] * (1 + ratio);
    for (const std::size_t to : std::set(calls.begin(), calls.end())) {
      most[to] += shape.services[from].instances * floor;
    }
  }
  return most;
}

TEST(Trees, a_storm_is_bounded_by_the_tokens_of_each_tier_where_nothing_is_handed_on) {
  constexpr int users = 600;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TreeShape shape = random_tree(seed, nothing);
    shape.policy.failover.minimum_per_second = static_cast<double>(seed % 2);
    Tree tree{shape};
    for (std::size_t service = 0; service < shape.services.size(); ++service) {
      if (!shape.services[service].calls.empty()) continue;
      for (std::size_t number = 0; number < shape.services[service].instances; ++number) {
        tree.instance(service, number).temper.does = Temper::Does::refuses;
      }
    }
    World& world = tree.network.world;
    for (int i = 0; i < users; ++i) {
      tree.ask(seconds{1});
      world.run_for(milliseconds{2});
    }
    world.run_for(seconds{3});
    std::vector<double> calls(shape.services.size());
    for (const Visit& visit : tree.visits()) ++calls[visit.service];
    const auto most = most_calls(shape, users, world.now() - world.start());
    for (std::size_t service = 0; service < calls.size(); ++service) {
      EXPECT_LE(calls[service], most[service]) << "service " << service;
    }
    tree.finish();
    expect_nothing_left(Findings{tree});
  }
}

}  // namespace
}  // namespace weir::sim
