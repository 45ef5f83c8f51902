#include "weir/base/log.h"

#include <gtest/gtest.h>

namespace weir::log {
namespace {

TEST(Log, writes_fields_plainly_where_nobody_can_be_misled_and_quoted_elsewhere) {
  EXPECT_EQ(line("ready", {{"workers", 2}, {"address", "127.0.0.1:80"}}),
            "ready workers=2 address=127.0.0.1:80");
  EXPECT_EQ(line("x", {{"empty", ""}, {"said", "a \"b\"\nc=d\x01"}}),
            "x empty=\"\" said=\"a \\\"b\\\"\\nc=d\\x01\"");
}

TEST(Log, knows_its_levels_by_name) {
  EXPECT_EQ(level_named("warn"), Level::warn);
  EXPECT_EQ(level_named("loud"), std::nullopt);
}

TEST(Log, writes_nothing_below_its_level) {
  testing::internal::CaptureStderr();
  set_level(Level::warn);
  info("not this");
  warn("but this", {{"number", 1}});
  set_level(Level::info);
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("not this"), std::string::npos);
  EXPECT_TRUE(written.ends_with("Z warn but this number=1\n"));
}

}  // namespace
}  // namespace weir::log
