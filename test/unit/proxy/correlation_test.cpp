#include "weir/proxy/correlation.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {
namespace {

using resilience::Deadline;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::CauseSource;
using End = InboundRequest::End;

constexpr Instant start{std::chrono::hours{1}};
constexpr http::TraceId trace{1, 2};

Deadline after(Duration time) { return Deadline::at(start + time); }

struct Letters final : Mailbox {
  void post(std::function<void()> task) override { tasks.push_back(std::move(task)); }
  void deliver() {
    for (; !tasks.empty(); tasks.pop_front()) tasks.front()();
  }
  std::deque<std::function<void()>> tasks;
};

struct Woken final : Wakeable {
  void wake() override { ++times; }
  int times = 0;
};

struct Worker {
  explicit Worker(Correlation& table) : correlator(table.join(letters, ready)) {}
  void turn() {
    letters.deliver();
    ready.drain();
  }
  Letters letters;
  ReadyQueue ready;
  Correlator& correlator;
};

struct Call {
  explicit Call(Worker& worker) : causes(worker.correlator, woken) {}
  Call& find(const Ancestry& ancestry, Instant now = start) {
    causes.find(ancestry, now);
    return *this;
  }
  Woken woken;
  Causes causes;
};

struct Request {
  Woken woken;
  InboundRequest inbound{woken};
};

class CorrelationTest : public testing::Test {
 protected:
  InboundRequest& request(const Ancestry& ancestry, const Cause& cause = {}) {
    InboundRequest& made = requests.emplace_back().inbound;
    made.enter(here.correlator, ancestry, cause);
    return made;
  }
  Call& call(const Ancestry& ancestry, Instant now = start) {
    return calls.emplace_back(there).find(ancestry, now);
  }

  Correlation table{{1, 2}};
  Worker here{table};
  Worker there{table};
  std::deque<Request> requests;
  std::deque<Call> calls;
};

Ancestry by_id(const InboundRequest& request) { return {.id = request.id()}; }
Ancestry by_span(std::uint64_t span) { return {.trace = trace, .span = {span}}; }
Ancestry by_request(std::string_view id) { return {.request_id = id}; }

TEST_F(CorrelationTest, finds_a_request_of_another_worker_by_each_of_its_keys) {
  InboundRequest& one =
      request({.trace = trace, .span = {3}, .request_id = "r"},
              {after(milliseconds{70}), true, after(milliseconds{30}), ShortText{"high"}});
  const struct {
    Ancestry ancestry;
    CauseSource source;
  } cases[] = {
      {by_id(one), CauseSource::exact},
      {by_span(3), CauseSource::span},
      {{.trace = trace, .span = {4}, .request_id = "r"}, CauseSource::request_id},
      {{.trace = trace, .span = {4}, .request_id = "s"}, CauseSource::trace},
      {by_request("r"), CauseSource::request_id},
      {{.trace = trace}, CauseSource::trace},
  };
  for (const auto& [ancestry, source] : cases) {
    const Causes& causes = call(ancestry).causes;
    EXPECT_EQ(causes.source(), source);
    EXPECT_EQ(causes.deadline(), after(milliseconds{70}));
    EXPECT_EQ(causes.failover_until(), after(milliseconds{30}));
    EXPECT_TRUE(causes.marked_as_retry());
    EXPECT_EQ(causes.criticality(), "high");
    EXPECT_FALSE(causes.gone());
  }
}

TEST_F(CorrelationTest, knows_nothing_of_strangers) {
  request({.trace = trace, .span = {3}, .request_id = "r"}, {after(seconds{1})});
  for (const Ancestry& ancestry :
       {Ancestry{}, by_request("s"), Ancestry{.trace = {2, 1}, .span = {3}}}) {
    const Causes& causes = call(ancestry).causes;
    EXPECT_EQ(causes.source(), CauseSource::none);
    EXPECT_TRUE(causes.deadline().is_none());
    EXPECT_FALSE(causes.gone());
  }
}

TEST_F(CorrelationTest, does_not_believe_an_id_that_it_has_not_given) {
  const CauseId id = request({}).id();
  CauseId forged = id;
  forged.tag ^= 1;
  EXPECT_EQ(call({.id = forged}).causes.source(), CauseSource::none);
  CauseId moved = id;
  moved.place += 1;
  EXPECT_EQ(call({.id = moved}).causes.source(), CauseSource::none);
  Correlation after_a_restart{{3, 4}};
  Worker again{after_a_restart};
  Woken nobody;
  InboundRequest other{nobody};
  other.enter(again.correlator, {}, {});
  EXPECT_EQ(Call{again}.find({.id = id}).causes.source(), CauseSource::none);
  EXPECT_EQ(call({.id = id}).causes.source(), CauseSource::exact);
}

TEST_F(CorrelationTest, lets_an_exact_id_decide_though_weaker_keys_say_something_else) {
  InboundRequest& first = request({.trace = trace, .span = {3}}, {after(seconds{1})});
  request({.trace = trace, .span = {4}}, {after(seconds{2})});
  Ancestry ancestry = by_span(4);
  ancestry.id = first.id();
  EXPECT_EQ(call(ancestry).causes.deadline(), after(seconds{1}));
}

TEST_F(CorrelationTest, caps_and_cancels_nothing_because_of_a_completed_request) {
  InboundRequest& one = request({.trace = trace}, {after(seconds{1}), true});
  Ancestry exact = by_id(one);
  exact.trace = trace;
  const Causes& before = call(exact).causes;
  one.leave(End::completed, start);
  request({.trace = trace}, {after(seconds{2})});  // not the cause of what `one` still does
  const Causes& late = call(exact).causes;
  EXPECT_EQ(late.source(), CauseSource::exact);
  EXPECT_TRUE(late.deadline().is_none());
  EXPECT_FALSE(late.marked_as_retry());
  EXPECT_FALSE(late.gone());
  EXPECT_FALSE(before.gone());
  there.turn();
  EXPECT_EQ(calls.front().woken.times, 0);
}

TEST_F(CorrelationTest, wakes_a_call_once_when_its_cause_has_gone) {
  InboundRequest& one = request({});
  Call& caused = call(by_id(one));
  one.leave(End::gone, start);
  EXPECT_TRUE(caused.causes.gone());
  EXPECT_EQ(caused.woken.times, 0) << "never from inside somebody else's function";
  there.turn();
  EXPECT_EQ(caused.woken.times, 1);
  there.turn();
  EXPECT_EQ(caused.woken.times, 1);
}

TEST_F(CorrelationTest, posts_one_letter_for_all_calls_of_a_turn) {
  InboundRequest& one = request({});
  for (int i = 0; i < 20; ++i) call(by_id(one));
  one.leave(End::gone, start);
  EXPECT_EQ(there.letters.tasks.size(), 1U);
  there.turn();
  for (const Call& caused : calls) EXPECT_EQ(caused.woken.times, 1);
}

TEST_F(CorrelationTest, wakes_nobody_who_has_ended_meanwhile) {
  InboundRequest& one = request({});
  const Ancestry ancestry = by_id(one);
  auto early = std::make_unique<Call>(there);
  early->find(ancestry);
  auto late = std::make_unique<Call>(there);
  late->find(ancestry);
  Call& stays = call(ancestry);
  early.reset();
  one.leave(End::gone, start);
  late.reset();  // rung already
  there.turn();
  EXPECT_EQ(stays.woken.times, 1);
}

TEST_F(CorrelationTest, outlives_a_request_that_was_destroyed) {
  Woken nobody;
  auto one = std::make_unique<InboundRequest>(nobody);
  one->enter(here.correlator, {}, {});
  Call& caused = call(by_id(*one));
  one.reset();
  EXPECT_FALSE(caused.causes.gone());
}

TEST_F(CorrelationTest, takes_the_latest_deadline_and_any_mark_of_several_candidates) {
  request({.trace = trace, .span = {3}}, {after(seconds{1}), true});
  request({.trace = trace, .span = {4}}, {after(seconds{3})});
  request({.trace = trace, .span = {5}}, {after(seconds{2})});
  const Causes& causes = call({.trace = trace}).causes;
  EXPECT_EQ(causes.deadline(), after(seconds{3}));
  EXPECT_TRUE(causes.marked_as_retry());
  EXPECT_FALSE(call(by_span(4)).causes.marked_as_retry());
}

TEST_F(CorrelationTest, cancels_only_when_all_candidates_have_gone) {
  for (int i = 0; i < 3; ++i) request({.trace = trace});
  Call& caused = call({.trace = trace});
  requests[1].inbound.leave(End::gone, start);
  requests[0].inbound.leave(End::gone, start);
  EXPECT_FALSE(caused.causes.gone());
  requests[2].inbound.leave(End::gone, start);
  EXPECT_TRUE(caused.causes.gone());
}

TEST_F(CorrelationTest, cancels_nothing_when_one_candidate_has_completed) {
  for (int i = 0; i < 2; ++i) request({.trace = trace}, {after(milliseconds{500}), true});
  Call& caused = call({.trace = trace});
  requests[0].inbound.leave(End::completed, start);
  requests[1].inbound.leave(End::gone, start);
  EXPECT_FALSE(caused.causes.gone());
  // Nor does a later call, which may be the completed one's and is then limited by nobody's time.
  const Causes& late = call({.trace = trace}).causes;
  EXPECT_FALSE(late.gone());
  EXPECT_TRUE(late.deadline().is_none());
  EXPECT_TRUE(late.marked_as_retry());
}

TEST_F(CorrelationTest, remembers_those_who_went_for_calls_that_come_late) {
  const Ancestry ancestry{.trace = trace, .span = {3}, .request_id = "r"};
  InboundRequest& one = request(ancestry, {after(milliseconds{500}), true});
  const Ancestry exact = by_id(one);
  one.leave(End::gone, start);
  EXPECT_TRUE(call(exact).causes.gone());
  EXPECT_TRUE(call(by_span(3)).causes.gone());
  EXPECT_TRUE(call(by_request("r")).causes.gone());
  EXPECT_FALSE(call(by_request("r"), start + seconds{31}).causes.gone()) << "used again";
  EXPECT_TRUE(call(exact, start + seconds{31}).causes.gone()) << "never used again";
  EXPECT_EQ(calls.back().causes.deadline(), after(milliseconds{500}))
      << "worth no more than it was";
  EXPECT_TRUE(calls.back().causes.marked_as_retry());
  // With a live one beside it, nothing is certain any more.
  request({.trace = trace, .span = {3}}, {after(seconds{1})});
  EXPECT_FALSE(call(by_span(3)).causes.gone());
  EXPECT_EQ(calls.back().causes.deadline(), after(seconds{1}));
}

TEST_F(CorrelationTest, tells_calls_that_go_on_when_their_cause_was_answered_with_an_error) {
  for (const End end : {End::failed, End::completed}) {
    InboundRequest& one = request({.trace = trace, .span = {3}});
    Causes& going_on = call(by_id(one)).causes;
    EXPECT_FALSE(going_on.superseded());
    one.leave(end, start);
    EXPECT_EQ(going_on.superseded(), end == End::failed);
    EXPECT_FALSE(going_on.gone());
  }
}

TEST_F(CorrelationTest, forgets_those_who_went_first_when_there_are_too_many) {
  const Ancestry exact = by_id(request({.trace = trace, .span = {3}}));
  requests.back().inbound.leave(End::gone, start);
  for (int i = 0; i < 512; ++i) {
    EXPECT_TRUE(call(exact).causes.gone());
    calls.clear();
    request({.trace = trace, .span = {9}}).leave(End::gone, start);
  }
  EXPECT_FALSE(call(exact).causes.gone());
  EXPECT_EQ(call(by_span(3)).causes.source(), CauseSource::none);
}

TEST_F(CorrelationTest, names_a_caller_that_waits_and_that_all_candidates_agree_on) {
  const auto caller_of = [this](const Ancestry& ancestry) {
    Call& asking = calls.emplace_back(there);
    asking.causes.ask_for_caller();
    return std::string{asking.find(ancestry).causes.caller()};
  };
  request(by_request("one"), {.caller = "spiffe://a/orders"});
  InboundRequest& leaving = request(by_request("one"), {.caller = "spiffe://a/orders"});
  EXPECT_EQ(caller_of(by_request("one")), "spiffe://a/orders");
  EXPECT_EQ(call(by_request("one")).causes.caller(), "") << "nobody asked";
  leaving.leave(End::gone, start);
  EXPECT_EQ(caller_of(by_request("one")), "spiffe://a/orders");
  request(by_request("one"), {.caller = "spiffe://a/stock"});
  EXPECT_EQ(caller_of(by_request("one")), "");
  InboundRequest& gone = request(by_request("two"), {.caller = "spiffe://a/orders"});
  gone.leave(End::gone, start);
  EXPECT_EQ(caller_of(by_request("two")), "") << "his name went with him";
}

TEST_F(CorrelationTest, takes_a_key_that_too_many_share_for_no_key) {
  for (std::size_t i = 0; i < Causes::most; ++i) request({.trace = trace, .request_id = "r"});
  EXPECT_EQ(call({.trace = trace}).causes.source(), CauseSource::trace);
  Call& eight = calls.back();
  InboundRequest& ninth = request({.trace = trace});
  Call& nine = call({.trace = trace, .request_id = "q"});
  EXPECT_EQ(nine.causes.source(), CauseSource::none);
  EXPECT_TRUE(nine.causes.deadline().is_none());
  ninth.leave(End::gone, start);
  for (Request& one : requests) one.inbound.leave(End::gone, start);
  EXPECT_FALSE(nine.causes.gone());
  EXPECT_TRUE(eight.causes.gone());
  there.turn();
  EXPECT_EQ(nine.woken.times, 0);
}

TEST_F(CorrelationTest, tells_the_candidates_that_live_that_the_failover_is_spent) {
  InboundRequest& one = request({.trace = trace});
  InboundRequest& two = request({.trace = trace});
  Call& caused = call({.trace = trace});
  two.leave(End::completed, start);
  InboundRequest& three = request({.trace = trace});  // may stand in the slot of `two`
  EXPECT_FALSE(one.failover_spent());
  caused.causes.spend();
  EXPECT_TRUE(one.failover_spent());
  EXPECT_FALSE(three.failover_spent());
  here.turn();
  EXPECT_EQ(requests.front().woken.times, 1);
  EXPECT_EQ(requests.back().woken.times, 0);
  caused.causes.spend();
  here.turn();
  EXPECT_EQ(requests.front().woken.times, 1) << "news only once";
}

TEST_F(CorrelationTest, tells_the_candidates_that_a_call_has_failed) {
  InboundRequest& one = request({.trace = trace});
  Call& caused = call({.trace = trace});
  InboundRequest& later = request({.trace = trace});
  EXPECT_FALSE(one.failed_below());
  caused.causes.fail();
  EXPECT_TRUE(one.failed_below());
  EXPECT_FALSE(later.failed_below());
}

TEST_F(CorrelationTest, starts_each_request_anew_in_a_used_slot) {
  InboundRequest& one = request({}, {after(seconds{1}), true});
  call(by_id(one)).causes.fail();
  call(by_id(one)).causes.spend();
  EXPECT_EQ(calls.back().causes.agree("route", "v1").view(), "v1");
  one.leave(End::completed, start);
  InboundRequest& two = request({});
  EXPECT_FALSE(two.failover_spent());
  EXPECT_FALSE(two.failed_below());
  Causes& causes = call(by_id(two)).causes;
  EXPECT_FALSE(causes.marked_as_retry());
  EXPECT_EQ(causes.agree("route", "v2").view(), "v2");
}

TEST_F(CorrelationTest, keeps_one_version_per_route_for_all_calls_of_a_request) {
  InboundRequest& one = request({});
  EXPECT_EQ(call(by_id(one)).causes.agree("catalog", "v1").view(), "v1");
  EXPECT_EQ(call(by_id(one)).causes.agree("catalog", "v2").view(), "v1");
  EXPECT_EQ(call(by_id(one)).causes.agree("prices", "v2").view(), "v2");
  EXPECT_EQ(call(by_id(request({}))).causes.agree("catalog", "v2").view(), "v2");
}

TEST_F(CorrelationTest, holds_many_requests_and_finds_each) {
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i) names.push_back("r" + std::to_string(i));
  for (int i = 0; i < 5000; ++i) {
    request({.request_id = names[static_cast<std::size_t>(i)]}, {after(milliseconds{i})});
  }
  for (int i = 0; i < 5000; i += 2) {
    requests[static_cast<std::size_t>(i)].inbound.leave(End::completed, start);
  }
  for (int i = 0; i < 5000; ++i) {
    const Causes& causes = call(by_request(names[static_cast<std::size_t>(i)])).causes;
    EXPECT_EQ(causes.source(), i % 2 == 0 ? CauseSource::none : CauseSource::request_id);
    if (i % 2 == 1) {
      EXPECT_EQ(causes.deadline(), after(milliseconds{i}));
    }
    calls.clear();
  }
}

}  // namespace
}  // namespace weir::proxy
