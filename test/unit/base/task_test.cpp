#include "weir/base/task.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace weir {
namespace {

// Suspends until the test resumes what it finds in `waiting`.
struct Gate {
  std::coroutine_handle<> waiting;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiting = handle; }
  void await_resume() const {}
  void open() { std::exchange(waiting, nullptr).resume(); }
};

// Writes its letter when it is destroyed.
struct Local {
  std::string& said;
  char letter;
  Local(std::string& where, char what) : said(where), letter(what) {}
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;
  ~Local() { said.push_back(letter); }
};

Task inner(std::string& said, Gate& gate) {
  const Local local{said, 'i'};
  said += "<";
  co_await gate;
  said += ">";
}

Task outer(std::string& said, Gate& gate) {
  const Local local{said, 'o'};
  said += "[";
  co_await inner(said, gate);
  said += "]";
}

Task finishes_at_once(int& count) {
  ++count;
  co_return;
}

Task awaits_many(int& count, int times) {
  for (int i = 0; i < times; ++i) co_await finishes_at_once(count);
}

TEST(Task, does_nothing_until_it_is_started) {
  std::string said;
  Gate gate;
  {
    const Task task = outer(said, gate);
    EXPECT_FALSE(task.done());
  }
  EXPECT_EQ(said, "");
}

TEST(Task, runs_to_the_first_suspension_and_goes_on_in_the_one_that_awaits) {
  std::string said;
  Gate gate;
  Task task = outer(said, gate);
  task.start();
  EXPECT_EQ(said, "[<");
  EXPECT_FALSE(task.done());
  gate.open();
  EXPECT_EQ(said, "[<>i]o");
  EXPECT_TRUE(task.done());
}

TEST(Task, cancelling_destroys_the_locals_of_the_whole_chain_innermost_first) {
  std::string said;
  Gate gate;
  Task task = outer(said, gate);
  task.start();
  task.cancel();
  EXPECT_EQ(said, "[<io");
  EXPECT_TRUE(task.done());
  task.cancel();
  EXPECT_EQ(said, "[<io");
}

TEST(Task, its_destruction_and_a_new_value_cancel_it) {
  std::string said;
  Gate gate;
  {
    Task task = outer(said, gate);
    task.start();
    task = Task{};
    EXPECT_EQ(said, "[<io");
    task = inner(said, gate);
    task.start();
  }
  EXPECT_EQ(said, "[<io<i");
}

TEST(Task, moves_with_its_frame) {
  std::string said;
  Gate gate;
  Task task = inner(said, gate);
  task.start();
  const Task moved = std::move(task);
  EXPECT_TRUE(task.done());  // NOLINT(bugprone-use-after-move): the promise of a moved one
  EXPECT_FALSE(moved.done());
  gate.open();
  EXPECT_TRUE(moved.done());
  EXPECT_EQ(said, "<>i");
}

TEST(Task, an_empty_one_is_done) { EXPECT_TRUE(Task{}.done()); }

TEST(Task, awaiting_what_finishes_at_once_goes_on_each_time) {
  int count = 0;
  Task task = awaits_many(count, 1000);
  task.start();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(count, 1000);
}

}  // namespace
}  // namespace weir
