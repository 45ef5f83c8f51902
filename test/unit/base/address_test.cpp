#include "weir/base/address.h"

#include <gtest/gtest.h>

#include <string_view>
#include <unordered_set>

namespace weir {
namespace {

TEST(Address, reads_and_writes) {
  struct Case {
    std::string_view text;
    std::string_view host;
    std::uint16_t port;
    std::string_view written;
  };
  constexpr Case cases[] = {
      {"10.0.0.4:8080", "10.0.0.4", 8080, "10.0.0.4:8080"},
      {"0.0.0.0:0", "0.0.0.0", 0, "0.0.0.0:0"},
      {"255.255.255.255:65535", "255.255.255.255", 65535, "255.255.255.255:65535"},
      {"localhost:80", "127.0.0.1", 80, "127.0.0.1:80"},
      {"[2001:db8::1]:443", "2001:db8::1", 443, "[2001:db8::1]:443"},
      {"[2001:DB8:0:0:0:0:0:1]:443", "2001:db8::1", 443, "[2001:db8::1]:443"},
      {"[::]:1", "::", 1, "[::]:1"},
  };
  for (const Case& one : cases) {
    const auto address = Address::parse(one.text);
    ASSERT_TRUE(address) << one.text;
    EXPECT_EQ(address->host(), one.host);
    EXPECT_EQ(address->port(), one.port);
    EXPECT_EQ(address->text(), one.written);
    EXPECT_EQ(Address::parse(address->text()), address);
  }
}

TEST(Address, refuses_everything_else) {
  for (const std::string_view text : {"",
                                      ":",
                                      ":80",
                                      "10.0.0.4",
                                      "10.0.0.4:",
                                      "10.0.0.4:65536",
                                      "10.0.0.4:-1",
                                      "10.0.0.4:+1",
                                      "10.0.0.4:80 ",
                                      " 10.0.0.4:80",
                                      "10.0.0.4:0x50",
                                      "10.0.0:80",
                                      "10.0.0.4.5:80",
                                      "256.0.0.1:80",
                                      "010.0.0.1:80",
                                      "LOCALHOST:80",
                                      "catalog:80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1]:",
                                      "[]:80",
                                      "[:80",
                                      "[::1:80",
                                      "[10.0.0.4]:80",
                                      "[fe80::1%eth0]:80",
                                      "[[::1]]:80"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
}

TEST(Address, knows_loopback) {
  for (const std::string_view text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
    EXPECT_TRUE(Address::parse(text)->loopback()) << text;
  }
  for (const std::string_view text :
       {"128.0.0.1:1", "0.0.0.0:1", "[::]:1", "[1::1]:1", "[::2]:1"}) {
    EXPECT_FALSE(Address::parse(text)->loopback()) << text;
  }
}

TEST(Address, is_equal_only_in_family_host_and_port) {
  const Address plain = Address::v4({10, 0, 0, 4}, 80);
  EXPECT_EQ(plain, Address::parse("10.0.0.4:80"));
  EXPECT_EQ(plain.hash(), Address::parse("10.0.0.4:80")->hash());
  EXPECT_NE(plain, Address::v4({10, 0, 0, 4}, 81));
  EXPECT_NE(plain, Address::v4({10, 0, 0, 5}, 80));
  EXPECT_NE(Address::v4({0, 0, 0, 0}, 80), Address::v6({}, 80));
  EXPECT_EQ(Address{}.text(), "0.0.0.0:0");
}

TEST(Address, hashes_apart) {
  std::unordered_set<std::uint64_t> hashes;
  for (std::uint8_t host = 0; host < 100; ++host) {
    for (std::uint16_t port = 8000; port < 8010; ++port) {
      hashes.insert(Address::v4({10, 0, 0, host}, port).hash());
    }
  }
  EXPECT_EQ(hashes.size(), 1000U);
}

}  // namespace
}  // namespace weir
