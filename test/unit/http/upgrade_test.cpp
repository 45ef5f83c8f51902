#include "weir/http/upgrade.h"

#include <gtest/gtest.h>

#include "weir/codec/h1_head.h"

namespace weir::http {
namespace {

TEST(Upgrade, requests_do_not_hide_in_a_tunnel_of_http) {
  struct Case {
    std::string_view list;
    std::string_view allowed;
  };
  const Case cases[] = {
      {"websocket", "websocket"},
      {"h2c", ""},
      {"H2C", ""},
      {"HTTP/2.0", ""},
      {"TLS/1.2, http/1.1", ""},
      {"h2c,websocket , HTTP/2.0", "websocket"},
      {"SPDY/3.1, tcp", "SPDY/3.1, tcp"},
      {"h2c;q=1, , a b, websocket/", ""},
      {"", ""},
  };
  for (const Case& one : cases) EXPECT_EQ(allowed_upgrades(one.list), one.allowed) << one.list;
  EXPECT_TRUE(carries_http("h2c"));
  EXPECT_FALSE(carries_http("websocket"));
}

TEST(Upgrade, a_request_asks_for_what_is_allowed_only) {
  RequestHead head;
  codec::RequestHeadParser parser{head};
  ASSERT_TRUE(parser.parse(
      std::string_view{"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, http2-settings\r\n"
                       "Upgrade: h2c\r\nUpgrade: websocket\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"}));
  EXPECT_EQ(head.upgrade, "websocket");
}

}  // namespace
}  // namespace weir::http
