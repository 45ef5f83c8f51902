#include "cli/program.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(Program, gets_its_input_whole_and_gives_its_output_whole) {
  const std::string much(std::size_t{1} << 20U, 'x');
  const auto ended = run_program({find_program("cat")}, much);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 0);
  EXPECT_TRUE(ended->output == much);
}

TEST(Program, tells_how_it_ended_and_what_it_complained_of) {
  const auto ended = run_program({find_program("sh"), "-c", "echo no >&2; exit 3"});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 3);
  EXPECT_EQ(ended->errors, "no\n");
  const auto killed = run_program({find_program("sh"), "-c", "kill -9 $$"});
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->status, 128 + 9);
}

TEST(Program, that_is_not_there_is_an_error) {
  EXPECT_EQ(find_program("weir-no-such-program"), "");
  EXPECT_FALSE(run_program({"/nonexistent/program"}));
}

}  // namespace
}  // namespace weir::cli
