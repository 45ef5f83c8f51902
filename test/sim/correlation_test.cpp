// What an application need not know: budgets, marks and the caller's going cross it all the same.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/sim_chain.h"
#include "weir/proxy/ancestry.h"

namespace weir::sim {
namespace {

using resilience::BudgetSource;
using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::CauseSource;
using telemetry::Direction;

constexpr Copies correlated[] = {Copies::everything, Copies::trace_headers, Copies::request_id};
constexpr std::string_view request_id = "x-request-id: r-1\r\n";

std::string budget(int budget_ms) {
  return fmt::format("{}weir-budget-ms: {}\r\n", request_id, budget_ms);
}

std::vector<const Kept*> records(const ChainedService& service, Direction direction) {
  std::vector<const Kept*> found;
  for (const Kept& kept : service.recorder.records) {
    if (kept.facts.direction == direction) found.push_back(&kept);
  }
  return found;
}

TEST(Correlation, a_budget_shrinks_across_the_applications) {
  for (const Copies copies : correlated) {
    Chain chain{{.services = 2, .copies = copies}};
    for (const std::size_t tier : {0U, 1U}) chain.service(tier).habits.before = milliseconds{100};
    Client& user = chain.user();
    user.get("/1", budget(500));
    chain.world.run_for(seconds{1});
    ASSERT_NE(user.answer(), nullptr);
    EXPECT_EQ(user.answer()->head.status, 200);
    const auto calls = chain.leaf_calls("/1");
    ASSERT_EQ(calls.size(), 1U);
    ASSERT_TRUE(calls[0]->budget);
    // Two applications, and two margins of 5 ms at each.
    EXPECT_LE(*calls[0]->budget, milliseconds{280});
    EXPECT_GE(*calls[0]->budget, milliseconds{260});
  }
}

TEST(Correlation, a_budget_is_the_routes_own_where_the_application_copies_nothing) {
  Chain chain{{.services = 1, .copies = Copies::nothing}};
  chain.service(0).habits.before = milliseconds{100};
  chain.user().get("/1", budget(500));
  chain.world.run_for(seconds{1});
  EXPECT_GE(chain.leaf_calls("/1").at(0)->budget, milliseconds{990});
  const auto calls = records(chain.service(0), Direction::outbound);
  EXPECT_EQ(calls.at(0)->facts.cause, CauseSource::none);
  EXPECT_EQ(calls.at(0)->facts.budget_source, BudgetSource::listener_default);
}

TEST(Correlation, the_record_says_by_what_the_cause_was_found) {
  const struct {
    Copies copies;
    CauseSource cause;
    BudgetSource budget;
  } cases[] = {
      {Copies::everything, CauseSource::exact, BudgetSource::exact},
      {Copies::trace_headers, CauseSource::exact, BudgetSource::exact},
      {Copies::request_id, CauseSource::request_id, BudgetSource::trace},
  };
  for (const auto& expected : cases) {
    Chain chain{{.services = 1, .copies = expected.copies}};
    chain.user().get("/1", budget(500));
    chain.world.run_for(seconds{1});
    const auto calls = records(chain.service(0), Direction::outbound);
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_EQ(calls[0]->facts.cause, expected.cause);
    EXPECT_EQ(calls[0]->facts.budget_source, expected.budget);
  }
}

TEST(Correlation, a_caller_that_leaves_cancels_the_calls_of_every_tier) {
  for (const Copies copies : correlated) {
    Chain chain{{.services = 3, .copies = copies}};
    chain.leaf().mood.does = Mood::Does::hangs;
    Client& user = chain.user();
    user.get("/1", request_id);
    chain.world.run_for(milliseconds{50});
    user.close();
    chain.world.run_for(milliseconds{20});
    const auto calls = chain.leaf_calls("/1");
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_TRUE(calls[0]->cancelled);
    for (const std::size_t tier : {0U, 1U, 2U}) {
      for (const Kept* kept : records(chain.service(tier), Direction::outbound)) {
        EXPECT_EQ(kept->facts.failure, Failure::caller_gone);
        EXPECT_EQ(kept->facts.unproductive, telemetry::Unproductive::caller_gone);
        EXPECT_GE(kept->facts.unproductive_time, milliseconds{30});
      }
    }
  }
}

TEST(Correlation, nothing_is_cancelled_where_the_application_copies_nothing) {
  Chain chain{{.services = 1, .copies = Copies::nothing}};
  chain.leaf().mood.latency = milliseconds{200};
  Client& user = chain.user();
  user.get("/1", request_id);
  chain.world.run_for(milliseconds{50});
  user.close();
  chain.world.run_for(seconds{1});
  EXPECT_TRUE(chain.leaf_calls("/1").at(0)->answered);
}

TEST(Correlation, a_route_can_opt_out) {
  Chain chain{{.services = 1}};
  chain.change(
      [](policy::Service& service) { service.routes[0].correlate = policy::Correlate::off; });
  chain.leaf().mood.latency = milliseconds{200};
  Client& user = chain.user();
  user.get("/1", budget(500));
  chain.world.run_for(milliseconds{50});
  user.close();
  chain.world.run_for(seconds{1});
  const auto calls = chain.leaf_calls("/1");
  EXPECT_GE(calls.at(0)->budget, milliseconds{990});
  EXPECT_TRUE(calls.at(0)->answered);
}

TEST(Correlation, finish_lets_the_call_of_a_caller_that_left_finish) {
  Chain chain{{.services = 1}};
  chain.change([](policy::Service& service) {
    service.routes[0].on_caller_gone = policy::CallerGone::finish;
  });
  chain.leaf().mood.latency = milliseconds{200};
  Client& user = chain.user();
  user.get("/1");
  chain.world.run_for(milliseconds{50});
  user.close();
  chain.world.run_for(seconds{1});
  EXPECT_TRUE(chain.leaf_calls("/1").at(0)->answered);
}

TEST(Correlation, a_call_that_comes_after_the_callers_deadline_is_refused_at_once) {
  for (const Copies copies : correlated) {
    Chain chain{{.services = 1, .copies = copies}};
    chain.service(0).habits.before = milliseconds{800};
    Client& user = chain.user();
    user.get("/1", budget(100));
    chain.world.run_for(seconds{2});
    EXPECT_EQ(user.answer()->head.status, 504);
    EXPECT_TRUE(chain.leaf_calls("/1").empty());
    EXPECT_EQ(chain.service(0).statuses, std::vector<int>{499});
    const auto calls = records(chain.service(0), Direction::outbound);
    EXPECT_EQ(calls.at(0)->facts.failure, Failure::caller_gone);
    EXPECT_EQ(calls.at(0)->facts.attempt_count, 0);
  }
}

TEST(Correlation, what_an_application_does_after_its_answer_is_left_alone) {
  for (const Copies copies : {Copies::everything, Copies::trace_headers}) {
    Chain chain{{.services = 1, .copies = copies}};
    chain.service(0).habits.answers_first = true;
    chain.leaf().mood.latency = milliseconds{200};
    Client& user = chain.user();
    user.get("/1", "");
    chain.world.run_for(milliseconds{20});
    ASSERT_NE(user.answer(), nullptr);
    user.close();
    chain.world.run_for(seconds{1});
    EXPECT_EQ(chain.service(0).statuses, std::vector<int>{200});
  }
}

TEST(Correlation, a_retry_stays_one_across_the_application) {
  for (const Copies copies : correlated) {
    Chain chain{{.services = 1, .leaves = 3, .copies = copies}};
    for (const std::size_t number : {0U, 1U, 2U}) chain.leaf(number).mood.status = 503;
    chain.user().get("/1", std::string{request_id} + "weir-attempt: 2\r\n");
    chain.world.run_for(seconds{1});
    const auto calls = chain.leaf_calls("/1");
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_TRUE(calls[0]->second);
  }
}

TEST(Correlation, a_spent_failover_is_told_to_the_caller_across_the_application) {
  for (const Copies copies : correlated) {
    Chain chain{{.services = 3, .leaves = 3, .copies = copies}};
    for (const std::size_t number : {0U, 1U, 2U}) chain.leaf(number).mood.status = 503;
    Client& user = chain.user();
    user.get("/1", request_id);
    chain.world.run_for(seconds{1});
    ASSERT_NE(user.answer(), nullptr);
    EXPECT_EQ(user.answer()->field("weir-failover"), "spent");
    EXPECT_EQ(chain.leaf_calls("/1").size(), 2U);
    for (const std::size_t tier : {0U, 1U, 2U}) {
      EXPECT_FALSE(chain.service(tier).heads.at(0).fields.find("weir-failover-ms"));
    }
    // The outermost has been told at once, by an interim response that nobody else sees.
    EXPECT_TRUE(user.answer()->interim.empty());
  }
}

TEST(Correlation, criticality_is_carried_unless_the_application_says_its_own) {
  Chain chain{{.services = 1}};
  chain.user().get("/1", "weir-criticality: sheddable\r\n");
  chain.world.run_for(seconds{1});
  EXPECT_EQ(chain.leaf_calls("/1").at(0)->head.fields.find("weir-criticality"), "sheddable");
}

TEST(Correlation, the_application_gets_our_entry_and_nobody_else_does) {
  Chain chain{{.services = 1}};
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  chain.user().get("/1", "traceparent: " + parent + "\r\ntracestate: a=1,weir=x,b=2\r\n");
  chain.world.run_for(seconds{1});
  const http::Fields& fields = chain.service(0).heads.at(0).fields;
  EXPECT_EQ(fields.find("traceparent"), parent);
  const std::string state{fields.find("tracestate").value_or("")};
  ASSERT_EQ(state.size(), 45U + 8U);
  EXPECT_TRUE(proxy::CauseId::parse(state.substr(5, 40))) << state;
  EXPECT_EQ(state.substr(45), ",a=1,b=2");
  EXPECT_EQ(chain.leaf_calls("/1").at(0)->head.fields.find("tracestate"), "a=1,b=2");
}

TEST(Correlation, a_fresh_trace_is_begun_at_the_edge) {
  Chain chain{{.services = 1, .copies = Copies::request_id}};
  chain.change([](policy::Service& service) { service.inbound->trusted = false; });
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (int i = 0; i < 2; ++i) {
    chain.user().get("/1", "traceparent: " + parent +
                               "\r\ntracestate: a=1\r\nb3: 0\r\nx-request-id: everybody\r\n");
  }
  chain.world.run_for(seconds{1});
  ASSERT_EQ(chain.service(0).heads.size(), 2U);
  for (const http::RequestHead& head : chain.service(0).heads) {
    const auto context = http::read_trace_context(head.fields);
    ASSERT_TRUE(context);
    EXPECT_NE(context->trace, (http::TraceId{0x0af7651916cd43ddULL, 0x8448eb211c80319cULL}));
    EXPECT_EQ(head.fields.find("tracestate")->size(), 45U);
    EXPECT_FALSE(head.fields.contains(http::Name::b3));
    const auto digits = http::text_of(context->trace);
    EXPECT_EQ(head.fields.find("x-request-id"), std::string_view(digits.data(), digits.size()));
  }
  for (const Kept* kept : records(chain.service(0), Direction::outbound)) {
    EXPECT_EQ(kept->facts.cause, CauseSource::request_id);
  }
}

TEST(Correlation, a_trace_that_others_write_as_b3_is_continued_for_w3c) {
  Chain chain{{.services = 1}};
  chain.user().get("/1", "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\r\n");
  chain.world.run_for(seconds{1});
  const http::Fields& fields = chain.service(0).heads.at(0).fields;
  EXPECT_EQ(fields.find("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  EXPECT_TRUE(fields.contains(http::Name::b3));
}

// Leaves do what leaves do, applications dawdle and hang: whatever it is, one request is at most
// two calls to a leaf. Returns how many were two.
int storm(const Shape& shape) {
  Chain chain{shape};
  Random random{shape.seed};
  constexpr Mood::Does deeds[] = {Mood::Does::answers, Mood::Does::answers, Mood::Does::resets,
                                  Mood::Does::closes,  Mood::Does::hangs,   Mood::Does::babbles};
  int asked = 0;
  for (int round = 0; round < 12; ++round) {
    for (std::uint8_t number = 0; number < shape.leaves; ++number) {
      Mood& mood = chain.leaf(number).mood;
      mood.does = deeds[random.below(std::size(deeds))];
      mood.status = random.chance(percent(40)) ? 503 : 200;
      mood.latency = milliseconds{1 + static_cast<int>(random.below(50))};
    }
    for (std::size_t tier = 0; tier < shape.services; ++tier) {
      for (std::size_t replica = 0; replica < (tier == 0 ? 1U : shape.replicas); ++replica) {
        Habits& habits = chain.service(tier, replica).habits;
        habits.before = milliseconds{static_cast<int>(random.below(60))};
        habits.hangs = tier > 0 && random.chance(percent(10));
      }
    }
    for (int i = 0; i < 3; ++i) {
      Client& user = chain.user();
      const std::string id = std::to_string(asked++);
      user.get("/" + id, "x-request-id: r" + id + "\r\n");
      if (random.chance(percent(20))) {
        chain.world.after(milliseconds{static_cast<int>(random.below(300))}, [&] { user.close(); });
      }
      chain.world.run_for(milliseconds{static_cast<int>(random.below(40))});
    }
    chain.world.run_for(milliseconds{static_cast<int>(random.below(400))});
  }
  chain.world.run_for(seconds{10});
  int twice = 0;
  for (int i = 0; i < asked; ++i) {
    const std::size_t calls = chain.leaf_calls("/" + std::to_string(i)).size();
    EXPECT_LE(calls, 2U) << "request " << i << ", seed " << shape.seed << ", services "
                         << int{shape.services};
    twice += calls == 2 ? 1 : 0;
  }
  return twice;
}

TEST(Correlation, one_request_is_at_most_two_calls_to_a_leaf) {
  int twice = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    for (const Copies copies : correlated) {
      twice += storm({.services = static_cast<std::uint8_t>(1 + seed % 3),
                      .replicas = 2,
                      .leaves = 3,
                      .copies = copies,
                      .seed = seed});
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(twice, 1000);
}

}  // namespace
}  // namespace weir::sim
