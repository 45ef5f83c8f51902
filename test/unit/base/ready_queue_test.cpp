#include "weir/base/ready_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace weir {
namespace {

class Caller final : public Wakeable {
 public:
  explicit Caller(std::function<void()> action) : action_(std::move(action)) {}
  void wake() override { action_(); }

 private:
  std::function<void()> action_;
};

struct Said {
  std::string text;
  std::unique_ptr<Caller> word(char letter) {
    return std::make_unique<Caller>([this, letter] { text.push_back(letter); });
  }
};

TEST(ReadyQueue, wakes_in_order_and_once_however_often_something_was_scheduled) {
  ReadyQueue ready;
  Said said;
  const auto a = said.word('a');
  const auto b = said.word('b');
  for (int i = 0; i < 3; ++i) {
    ready.schedule(*b);
    ready.schedule(*a);
  }
  EXPECT_FALSE(ready.empty());
  ready.drain();
  EXPECT_EQ(said.text, "ba");
  EXPECT_TRUE(ready.empty());
  ready.schedule(*b);
  ready.drain();
  EXPECT_EQ(said.text, "bab");
}

TEST(ReadyQueue, wakes_what_was_scheduled_meanwhile_behind_everything_else) {
  ReadyQueue ready;
  Said said;
  const auto b = said.word('b');
  const auto c = said.word('c');
  Caller a{[&] {
    ready.schedule(*c);
    said.text.push_back('a');
  }};
  ready.schedule(a);
  ready.schedule(*b);
  ready.drain();
  EXPECT_EQ(said.text, "abc");
}

TEST(ReadyQueue, something_that_wakes_may_schedule_itself_again) {
  ReadyQueue ready;
  int woken = 0;
  Caller* self = nullptr;
  Caller again{[&] {
    if (++woken < 3) ready.schedule(*self);
  }};
  self = &again;
  ready.schedule(again);
  ready.drain();
  EXPECT_EQ(woken, 3);
}

TEST(ReadyQueue, what_is_destroyed_is_not_woken) {
  ReadyQueue ready;
  Said said;
  auto b = said.word('b');
  auto c = said.word('c');
  Caller a{[&] {
    b.reset();
    c.reset();
  }};
  ready.schedule(a);
  ready.schedule(*b);
  ready.schedule_last(*c);
  ready.end_turn();
  EXPECT_EQ(said.text, "");
}

TEST(ReadyQueue, something_may_destroy_itself_when_woken) {
  ReadyQueue ready;
  Said said;
  const auto after = said.word('x');
  std::unique_ptr<Caller> self;
  self = std::make_unique<Caller>([&] { self.reset(); });
  ready.schedule(*self);
  ready.schedule(*after);
  ready.drain();
  EXPECT_EQ(self, nullptr);
  EXPECT_EQ(said.text, "x");
}

TEST(ReadyQueue, leaves_the_last_for_the_end_of_the_turn) {
  ReadyQueue ready;
  Said said;
  const auto last = said.word('l');
  const auto soon = said.word('s');
  ready.schedule_last(*last);
  ready.schedule(*soon);
  ready.drain();
  EXPECT_EQ(said.text, "s");
  // Queued for the end already, it does not move to the front.
  ready.schedule(*last);
  ready.drain();
  EXPECT_EQ(said.text, "s");
  ready.end_turn();
  EXPECT_EQ(said.text, "sl");
}

TEST(ReadyQueue, the_end_of_a_turn_wakes_what_it_caused_before_it_goes_on) {
  ReadyQueue ready;
  Said said;
  const auto caused = said.word('c');
  const auto later = said.word('z');
  const auto second = said.word('2');
  Caller first{[&] {
    said.text.push_back('1');
    ready.schedule(*caused);
    ready.schedule_last(*later);
  }};
  ready.schedule_last(first);
  ready.schedule_last(*second);
  ready.end_turn();
  EXPECT_EQ(said.text, "1c2z");
  EXPECT_TRUE(ready.empty());
}

}  // namespace
}  // namespace weir
