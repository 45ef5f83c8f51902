#include "weir/cli/commands.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace weir::cli {
namespace {

struct Ran {
  int code = 0;
  std::string out;
  std::string error;
};

Ran weir(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "weir");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.code = dispatch(static_cast<int>(arguments.size()), arguments.data(), Instant{});
  ran.out = testing::internal::GetCapturedStdout();
  ran.error = testing::internal::GetCapturedStderr();
  return ran;
}

class Files : public testing::Test {
 protected:
  Files() {
    std::filesystem::create_directories(directory);
    std::ofstream{good} << "service: { name: a }\n"
                           "outbound: { listen: 127.0.0.1:1 }\n"
                           "upstreams: { b: { endpoints: [{ address: 127.0.0.1:2 }] } }\n";
    std::ofstream{bad} << "service: { nam: a }\n";
  }
  ~Files() override { std::filesystem::remove_all(directory); }

  const std::string directory = testing::TempDir() + "weir-cli-" + std::to_string(::getpid());
  const std::string good = directory + "/good.yaml";
  const std::string bad = directory + "/bad.yaml";
  const std::string none = directory + "/none.yaml";
};

TEST_F(Files, exit_codes_follow_sysexits) {
  const struct {
    std::vector<const char*> arguments;
    int code;
  } cases[] = {
      {{"--version"}, exit_code::ok},
      {{"--help"}, exit_code::ok},
      {{"schema"}, exit_code::ok},
      {{}, exit_code::usage},
      {{"walk"}, exit_code::usage},
      {{"run"}, exit_code::usage},
      {{"run", "-c", "x", "--log-level", "loud"}, exit_code::usage},
      {{"run", "-c", none.c_str()}, exit_code::no_input},
      {{"run", "-c", bad.c_str()}, exit_code::data},
      {{"check"}, exit_code::usage},
      {{"check", good.c_str()}, exit_code::ok},
      {{"check", none.c_str()}, exit_code::no_input},
      {{"check", bad.c_str()}, exit_code::data},
      {{"check", none.c_str(), bad.c_str(), good.c_str()}, exit_code::data},
  };
  for (const auto& [arguments, code] : cases) {
    EXPECT_EQ(weir(arguments).code, code) << testing::PrintToString(arguments);
  }
}

TEST_F(Files, check_tells_every_file_its_verdict) {
  const Ran ran = weir({"check", bad.c_str(), good.c_str()});
  EXPECT_NE(ran.error.find(bad + ":1:"), std::string::npos);
  EXPECT_EQ(ran.out, good + ": ok\n");
}

TEST_F(Files, check_prints_the_policy_as_it_rules_and_can_read_that_again) {
  const Ran first = weir({"check", "--effective", good.c_str()});
  EXPECT_NE(first.out.find("name: a"), std::string::npos);
  std::ofstream{good} << first.out;
  EXPECT_EQ(weir({"check", "--effective", good.c_str()}).out, first.out);
}

TEST(Commands, schema_is_json) { EXPECT_TRUE(weir({"schema"}).out.starts_with("{")); }

}  // namespace
}  // namespace weir::cli
