// The command line of `weir iptables`. What the rules do is tested by test/e2e/test_iptables.py.
#include "cli/iptables.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "weir/cli/commands.h"

namespace weir::cli {
namespace {

struct Ran {
  int code = 0;
  std::string out;
  std::string error;
};

Ran weir_iptables(const std::vector<std::string>& arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.code = iptables(arguments);
  ran.out = testing::internal::GetCapturedStdout();
  ran.error = testing::internal::GetCapturedStderr();
  return ran;
}

class PolicyFile : public testing::Test {
 protected:
  ~PolicyFile() override { std::filesystem::remove(path); }
  void write(std::string_view inbound, std::string_view outbound) const {
    std::ofstream{path} << "service: { name: a }\nadmin: { listen: 127.0.0.1:9902 }\n"
                        << "inbound: { listen: 0.0.0.0:16, application: 127.0.0.1:80, intercept: "
                        << inbound
                        << " }\noutbound: { listen: 127.0.0.1:17, intercept: " << outbound
                        << " }\n";
  }
  const std::string path = testing::TempDir() + "weir-iptables-" + std::to_string(::getpid());
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(PolicyFile, says_which_ports_and_modes) {
  write("redirect", "redirect");
  const Ran ran = weir_iptables({"print", "-c", path});
  EXPECT_EQ(ran.code, exit_code::ok);
  for (const std::string_view part :
       {"# iptables-restore -w --noflush\n", "# ip6tables-restore -w --noflush\n",
        "REDIRECT --to-ports 16\n", "REDIRECT --to-ports 17\n", "--dport 9902 ", "--dport 53 "}) {
    EXPECT_TRUE(holds(ran.out, part)) << part;
  }
  EXPECT_EQ(weir_iptables({"print", "-c", path}).out, ran.out);
  EXPECT_FALSE(holds(ran.out, "mangle"));
  write("tproxy", "off");
  const Ran tproxy = weir_iptables({"print", "-c", path});
  EXPECT_TRUE(holds(tproxy.out, "*mangle\n"));
  EXPECT_TRUE(holds(tproxy.out, "# ip -6 rule add fwmark 2102 lookup 2102\n"));
}

TEST_F(PolicyFile, that_intercepts_nothing_is_refused) {
  write("off", "off");
  const Ran ran = weir_iptables({"print", "-c", path});
  EXPECT_EQ(ran.code, exit_code::data);
  EXPECT_TRUE(holds(ran.error, "inbound.intercept: redirect")) << ran.error;
}

TEST(Options, change_the_rules) {
  const Ran ran = weir_iptables({"print",
                                 "--outbound",
                                 "17",
                                 "--user",
                                 "0099",
                                 "--group",
                                 "98",
                                 "--exclude-outbound-ports",
                                 "53,3306",
                                 "--exclude-networks",
                                 "10.0.0.0/8,fd00::/8",
                                 "--exclude-users",
                                 "97",
                                 "--exclude-groups",
                                 "96",
                                 "--exclude-inbound-ports",
                                 "22",
                                 "--inbound",
                                 "16",
                                 "--ipv4-only"});
  EXPECT_EQ(ran.code, exit_code::ok) << ran.error;
  for (const std::string_view part :
       {"--uid-owner 99 ", "--gid-owner 98 ", "--dport 3306 ", "-d 10.0.0.0/8 ", "--uid-owner 97 ",
        "--gid-owner 96 ", "--dport 22 "}) {
    EXPECT_TRUE(holds(ran.out, part)) << part;
  }
  EXPECT_FALSE(holds(ran.out, "ip6tables"));
  EXPECT_EQ(ran.out.find("--dport 53 "), ran.out.rfind("--dport 53 ")) << "excluded once";
  EXPECT_FALSE(holds(weir_iptables({"print", "--outbound", "17", "--with-dns"}).out, "--dport 53"));
  EXPECT_TRUE(
      holds(weir_iptables({"print", "--outbound", "17", "--nft"}).out, "table inet weir {"));
}

TEST(Options, that_make_no_sense_are_refused_with_a_cure) {
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string_view said;
  } cases[] = {
      {{}, exit_code::usage, "subcommand"},
      {{"print"}, exit_code::usage, "-c FILE"},
      {{"print", "-c", "/nonexistent"}, exit_code::no_input, "/nonexistent"},
      {{"print", "--outbound", "0"}, exit_code::usage, "--outbound"},
      {{"print", "--outbound", "17", "--inbound", "17"}, exit_code::usage, "of its own"},
      {{"print", "--outbound", "17", "--exclude-outbound-ports", "53,0"},
       exit_code::usage,
       "ports"},
      {{"print", "--inbound", "17", "--exclude-inbound-ports", "65536"}, exit_code::usage, "ports"},
      {{"print", "--outbound", "17", "--group", "0"}, exit_code::usage, "group of its own"},
      {{"print", "--outbound", "17", "--tproxy"}, exit_code::usage, "inbound port"},
      {{"print", "--outbound", "17", "--user", "0"}, exit_code::usage, "user of its own"},
      {{"print", "--outbound", "17", "--user", "no-such-user"}, exit_code::usage, "its number"},
      {{"print", "--outbound", "17", "--exclude-networks", "10/8"}, exit_code::usage, "fd00::/8"},
      {{"remove", "--outbound", "17"}, exit_code::usage, "--outbound"},
  };
  for (const auto& [arguments, code, said] : cases) {
    const Ran ran = weir_iptables(arguments);
    EXPECT_EQ(ran.code, code) << testing::PrintToString(arguments);
    EXPECT_TRUE(holds(ran.error, said)) << ran.error;
  }
}

}  // namespace
}  // namespace weir::cli
