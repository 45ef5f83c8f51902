#include "weir/policy/interception.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

TEST(Twin, of_a_listener_is_the_same_place_in_the_other_family) {
  const struct {
    std::string_view listen;
    std::string_view twin;  // empty: none
  } cases[] = {{"127.0.0.1:15001", "[::1]:15001"},
               {"[::1]:15001", "127.0.0.1:15001"},
               {"0.0.0.0:15006", "[::]:15006"},
               {"[::]:15006", "0.0.0.0:15006"},
               {"10.0.0.4:80", ""},
               {"[2001:db8::1]:80", ""}};
  for (const auto& [listen, twin] : cases) {
    const auto found = twin_of(*Address::parse(listen));
    EXPECT_EQ(found ? found->text() : "", twin) << listen;
  }
}

TEST(Source, of_connections_to_the_application_is_on_this_host) {
  EXPECT_EQ(home_source(Address::Family::v4).host(), "127.0.0.6");
  EXPECT_EQ(home_source(Address::Family::v6).host(), "::1");
}

}  // namespace
}  // namespace weir::policy
