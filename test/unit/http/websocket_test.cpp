#include "weir/http/websocket.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(WebSocket, the_key_of_the_rfc_is_accepted_as_the_rfc_says) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocket, keys_are_sixteen_bytes_in_base64_and_differ) {
  Random random{7};
  const std::string key = make_websocket_key(random);
  EXPECT_EQ(key.size(), 24U);
  EXPECT_EQ(key.substr(22), "==");
  EXPECT_EQ(
      key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
      std::string::npos);
  EXPECT_NE(make_websocket_key(random), key);
}

}  // namespace
}  // namespace weir::http
