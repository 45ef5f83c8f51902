// Who is to blame for what, in chains: nobody but the one who failed.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/sim_chain.h"
#include "support/sim_proxy.h"

namespace weir::sim {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::Direction;

long with_failure(const ChainedService& service, Direction direction, Failure failure) {
  return std::ranges::count_if(service.recorder.records, [&](const Kept& kept) {
    return kept.facts.direction == direction && kept.facts.failure == failure;
  });
}

// One request after the other, `gap` apart; the statuses that users saw, once all is over.
std::vector<int> ask(Chain& chain, int times, Duration gap, std::string_view fields = {}) {
  std::vector<Client*> users;
  for (int i = 0; i < times; ++i) {
    users.push_back(&chain.user());
    users.back()->get("/" + std::to_string(i), std::string{fields});
    chain.world.run_for(gap);
  }
  chain.world.run_for(seconds{2});
  std::vector<int> statuses;
  for (Client* user : users) {
    statuses.push_back(user->answer() == nullptr ? 0 : user->answer()->head.status);
  }
  return statuses;
}

long count(const std::vector<int>& statuses, int status) {
  return std::ranges::count(statuses, status);
}

void protect(policy::Service& service) {
  service.upstreams.front().breaker = {};
  service.upstreams.front().ejection = {};
}

void burst(Scene& scene, int times) {
  for (int i = 0; i < times; ++i) {
    scene.client().get("/" + std::to_string(i));
    scene.world.run_for(milliseconds{10});
  }
  scene.world.run_for(seconds{2});
}

std::size_t second_attempts(const Scene& scene) {
  return static_cast<std::size_t>(std::ranges::count_if(
      scene.recorder.records, [](const Kept& kept) { return kept.facts.attempt_count > 1; }));
}

TEST(Blame, an_endpoint_is_not_cut_for_being_as_slow_as_its_peers) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 3)));
  burst(scene, 60);
  for (const auto& instance : scene.instances) instance->mood.latency = milliseconds{600};
  burst(scene, 60);
  EXPECT_EQ(second_attempts(scene), 0U);
  EXPECT_TRUE(std::ranges::all_of(scene.recorder.records,
                                  [](const Kept& kept) { return kept.facts.status == 200; }));
  scene.finish();
}

TEST(Blame, one_that_hangs_is) {
  Scene scene;
  scene.apply(service_with(upstream("catalog", 3)));
  burst(scene, 60);
  scene.instance(1).mood.does = Mood::Does::hangs;
  burst(scene, 60);
  EXPECT_GE(second_attempts(scene), 1U);
  EXPECT_TRUE(std::ranges::all_of(scene.recorder.records,
                                  [](const Kept& kept) { return kept.facts.status == 200; }));
  scene.finish();
}

TEST(Blame, a_failure_below_blames_nobody_above) {
  for (const Copies copies : {Copies::everything, Copies::trace_headers, Copies::request_id}) {
    Chain chain{{.services = 3, .replicas = 2, .leaves = 2, .copies = copies}};
    chain.change(protect);
    for (const std::size_t number : {0U, 1U}) chain.leaf(number).mood.status = 500;
    // Every answer is the application's own 500, or its sidecar's refusal.
    std::vector<int> statuses;
    for (int i = 0; i < 100; ++i) {
      Client& user = chain.user();
      user.get("/" + std::to_string(i), "x-request-id: r" + std::to_string(i) + "\r\n");
      chain.world.run_for(milliseconds{30});
      statuses.push_back(user.answer() == nullptr ? 0 : user.answer()->head.status);
    }
    EXPECT_EQ(count(statuses, 200), 0);
    long opened_below = 0;
    for (const std::size_t replica : {0U, 1U}) {
      opened_below +=
          with_failure(chain.service(2, replica), Direction::outbound, Failure::breaker_open);
      EXPECT_EQ(with_failure(chain.service(1, replica), Direction::outbound, Failure::breaker_open),
                0);
      EXPECT_EQ(with_failure(chain.service(2, replica), Direction::inbound, Failure::breaker_open),
                0);
    }
    EXPECT_GT(opened_below, 0) << "the leaves are to blame";
    EXPECT_EQ(with_failure(chain.service(0), Direction::outbound, Failure::breaker_open), 0);
    EXPECT_EQ(with_failure(chain.service(0), Direction::inbound, Failure::breaker_open), 0);
  }
}

TEST(Blame, a_breaker_before_the_application_does_not_open_for_failures_below_it) {
  Chain chain{{.services = 1}};
  chain.change([](policy::Service& service) {
    service.inbound->upstream.breaker = {};
    service.inbound->upstream.breaker.enabled = true;
  });
  chain.leaf(0).mood.status = 500;
  ask(chain, 60, milliseconds{30});
  EXPECT_EQ(with_failure(chain.service(0), Direction::inbound, Failure::breaker_open), 0);
}

TEST(Blame, a_call_that_breaks_off_after_its_head_is_a_failure_below) {
  Chain chain{{.services = 1}};
  chain.leaf(0).mood.does = Mood::Does::cuts_off;
  Client& user = chain.user();
  user.get("/1");
  chain.world.run_for(seconds{2});
  ASSERT_NE(user.answer(), nullptr);
  EXPECT_EQ(user.answer()->field("weir-fault"), "below");
}

TEST(Blame, the_marks_are_for_sidecars_and_reach_no_application) {
  Chain chain{{.services = 2}};
  chain.leaf().mood.status = 500;
  chain.leaf().mood.fields = "weir-fault: none\r\nweir-processed: no\r\n";
  Client& user = chain.user();
  user.get("/1");
  chain.world.run_for(seconds{1});
  ASSERT_NE(user.answer(), nullptr);
  EXPECT_EQ(user.answer()->field("weir-fault"), "below");
  EXPECT_FALSE(user.answer()->head.fields.find("weir-processed"));
}

TEST(Blame, capacity_comes_back_and_so_do_answers_within_a_second) {
  Chain chain{{.services = 3, .replicas = 2, .leaves = 3}};
  chain.change(protect);
  ask(chain, 60, milliseconds{10});
  for (const std::size_t number : {0U, 1U, 2U}) chain.leaf(number).mood.latency = seconds{3};
  constexpr std::string_view second = "weir-budget-ms: 1000\r\n";
  const auto during = ask(chain, 300, milliseconds{10}, second);
  EXPECT_EQ(count(during, 200), 0);
  for (const std::size_t number : {0U, 1U, 2U}) {
    chain.leaf(number).mood.latency = milliseconds{5};
  }
  chain.world.run_for(milliseconds{200});
  const auto after = ask(chain, 100, milliseconds{10}, second);
  EXPECT_EQ(count(after, 200), 100);
}

TEST(Blame, the_dead_applications_sidecar_does_not_forbid_the_failover) {
  for (const std::string_view mark : {"", "weir-attempt: 2\r\n"}) {
    Chain chain{{.services = 3, .replicas = 2, .leaves = 2}};
    for (const std::size_t tier : {1U, 2U}) chain.service(tier).habits.dead = true;
    const auto statuses = ask(chain, 15, milliseconds{10}, mark);
    EXPECT_EQ(count(statuses, 200), 15) << mark;
    for (int i = 0; i < 15; ++i) {
      EXPECT_EQ(chain.leaf_calls("/" + std::to_string(i)).size(), 1U);
    }
  }
}

TEST(Blame, a_hung_application_is_not_fed_more_than_its_bulkhead) {
  Chain chain{{.services = 1}};
  chain.change([](policy::Service& service) { service.inbound->upstream.bulkhead.concurrent = 4; });
  EXPECT_EQ(count(ask(chain, 30, milliseconds{10}), 200), 30);
  ChainedService& service = chain.service(0);
  service.habits.hangs = true;
  const std::size_t before = service.heads.size();
  EXPECT_EQ(count(ask(chain, 400, milliseconds{10}, "weir-budget-ms: 100\r\n"), 200), 0);
  // Six seconds: four of the bulkhead, and trials at most once a second after the first ones.
  EXPECT_LE(service.heads.size() - before, 4U + 7U);
  service.habits.hangs = false;
  chain.world.run_for(milliseconds{10});
  const auto after = ask(chain, 150, milliseconds{10});
  EXPECT_EQ(count({after.begin() + 100, after.end()}, 200), 50) << "a second later all is well";
}

TEST(Blame, an_application_goes_on_with_what_was_given_up_and_so_its_place_stays_taken) {
  Chain chain{{.services = 1}};
  chain.change([](policy::Service& service) { service.inbound->upstream.bulkhead.concurrent = 2; });
  ChainedService& service = chain.service(0);
  service.habits.before = milliseconds{100};
  EXPECT_EQ(count(ask(chain, 30, milliseconds{60}), 200), 30);
  // Callers who leave at once do not make room for others before the application would.
  const std::size_t before = service.heads.size();
  for (int i = 0; i < 100; ++i) {
    Client& user = chain.user();
    user.get("/x", "");
    chain.world.run_for(milliseconds{5});
    user.close();
    chain.world.run_for(milliseconds{5});
  }
  EXPECT_LE(service.heads.size() - before, 22U) << "two every 100 ms";
}

}  // namespace
}  // namespace weir::sim
