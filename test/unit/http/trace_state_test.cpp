#include "weir/http/trace_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http {
namespace {

std::string repeated(char letter, std::size_t count) { return std::string(count, letter); }

Fields fields_of(const std::vector<std::string>& values) {
  Fields fields;
  for (const std::string& value : values) fields.add("tracestate", value);
  return fields;
}

// After reading and writing it; "refused" for a malformed one.
std::string told_again(const std::vector<std::string>& values) {
  const Fields fields = fields_of(values);
  const auto state = TraceState::read(fields);
  return state ? std::string{state->text().view()} : "refused";
}

std::string with_ours(const std::vector<std::string>& values) {
  const Fields fields = fields_of(values);
  auto state = TraceState::read(fields).value_or(TraceState{});
  state.put_first("weir=7");
  return std::string{state.text().view()};
}

std::string members(std::size_t count) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) list += (i > 0 ? ",k" : "k") + std::to_string(i) + "=1";
  return list;
}

TEST(TraceState, is_read_as_one_list_or_dropped) {
  const struct {
    std::vector<std::string> values;
    std::string told;
  } cases[] = {
      {{}, ""},
      {{""}, ""},
      {{"a=1"}, "a=1"},
      {{"a=1,b=2"}, "a=1,b=2"},
      {{" a=1 \t,\t b=2 , ,"}, "a=1,b=2"},
      {{"a=1", "", "b=2,c=3"}, "a=1,b=2,c=3"},
      {{"a=1,a=2"}, "a=1,a=2"},  // not ours to judge
      {{"a=in side!~"}, "a=in side!~"},
      {{"a-b*c/d_e=1,4t@sys=2"}, "a-b*c/d_e=1,4t@sys=2"},
      {{repeated('k', 256) + "=1"}, repeated('k', 256) + "=1"},
      {{"a=" + repeated('v', 256)}, "a=" + repeated('v', 256)},
      {{"a"}, "refused"},
      {{"a="}, "refused"},
      {{"=1"}, "refused"},
      {{"a =1"}, "refused"},
      {{"A=1"}, "refused"},
      {{"1a=1"}, "refused"},
      {{"a=1=2"}, "refused"},
      {{"a=\x7f"}, "refused"},
      {{"a=\xc3\xa4"}, "refused"},
      {{"a@=1"}, "refused"},
      {{"@a=1"}, "refused"},
      {{"a@1b=1"}, "refused"},
      {{"a@b@c=1"}, "refused"},
      {{"a@" + repeated('s', 15) + "=1"}, "refused"},
      {{repeated('t', 242) + "@s=1"}, "refused"},
      {{repeated('k', 257) + "=1"}, "refused"},
      {{"a=" + repeated('v', 257)}, "refused"},
      {{"a=1", "B=2"}, "refused"},
      {{members(32)}, members(32)},
      {{members(33)}, "refused"},
      {{members(20), members(13)}, "refused"},
  };
  for (const auto& [values, told] : cases) {
    EXPECT_EQ(told_again(values), told) << testing::PrintToString(values);
  }
}

TEST(TraceState, has_our_entry_first_and_the_others_as_they_came) {
  EXPECT_EQ(with_ours({}), "weir=7");
  EXPECT_EQ(with_ours({"a=1,b=2"}), "weir=7,a=1,b=2");
  EXPECT_EQ(with_ours({"a=1,weir=old,b=2"}), "weir=7,a=1,b=2");
  EXPECT_EQ(with_ours({"weir=old,a=1", "weir=older"}), "weir=7,a=1");
  EXPECT_EQ(with_ours({"weird=1,wei=2"}), "weir=7,weird=1,wei=2");
  EXPECT_EQ(with_ours({"A=malformed,b=2"}), "weir=7");
}

TEST(TraceState, drops_the_last_of_thirty_three) {
  EXPECT_EQ(with_ours({members(32)}), "weir=7," + members(31));
  EXPECT_EQ(with_ours({"weir=6," + members(31)}), "weir=7," + members(31));
}

TEST(TraceState, keeps_to_512_characters_by_leaving_out_whole_entries) {
  const std::string shortest = "s=" + repeated('1', 118);  // 120 characters
  const std::string longer = "l=" + repeated('2', 127);    // 129: long
  const std::string limit = "m=" + repeated('3', 126);     // 128: not long
  // The long one goes first, though it is not the last.
  EXPECT_EQ(with_ours({shortest + "," + longer + "," + shortest + "," + shortest + "," + shortest}),
            "weir=7," + shortest + "," + shortest + "," + shortest + "," + shortest);
  // Without long ones the last goes.
  EXPECT_EQ(with_ours({limit + "," + limit + "," + limit + "," + limit}),
            "weir=7," + limit + "," + limit + "," + limit);
  // Only as many as need be, and of the long ones the last.
  EXPECT_EQ(with_ours({longer + "," + longer + "," + longer + "," + longer}),
            "weir=7," + longer + "," + longer + "," + longer);
  const std::string exactly = "e=" + repeated('4', 254) + ",f=" + repeated('5', 246);
  ASSERT_EQ(exactly.size() + 7, 512U);
  EXPECT_EQ(with_ours({exactly}), "weir=7," + exactly);
  EXPECT_EQ(with_ours({exactly + "5"}), "weir=7," + exactly.substr(0, 256));
}

TEST(TraceState, gives_the_first_value_of_a_key) {
  const Fields fields = fields_of({"a=1,weir=x y,b=2", "weir=z"});
  auto state = TraceState::read(fields);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->find("weir"), "x y");
  EXPECT_EQ(state->find("wei"), std::nullopt);
  EXPECT_TRUE(state->remove("weir"));
  EXPECT_FALSE(state->remove("weir"));
  EXPECT_EQ(state->text().view(), "a=1,b=2");
}

}  // namespace
}  // namespace weir::http
