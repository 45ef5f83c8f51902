#include "weir/http/message.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace weir::http {
namespace {

TEST(RequestHead, divides_its_target_at_the_first_question_mark) {
  struct Case {
    std::string_view target;
    std::string_view path;
    std::string_view query;
  };
  constexpr Case cases[] = {
      {"/a/b", "/a/b", ""}, {"/a?b=1", "/a", "b=1"}, {"/a?b?c", "/a", "b?c"},
      {"/?", "/", ""},      {"?x", "", "x"},         {"*", "*", ""},
      {"", "", ""},
  };
  for (const Case& one : cases) {
    RequestHead head;
    head.target = one.target;
    EXPECT_EQ(head.path(), one.path) << one.target;
    EXPECT_EQ(head.query(), one.query) << one.target;
  }
}

TEST(RequestHead, knows_grpc_by_its_content_type) {
  struct Case {
    std::string_view type;
    bool grpc;
  };
  constexpr Case cases[] = {
      {"application/grpc", true},
      {"application/grpc+proto", true},
      {"application/grpc;charset=x", true},
      {"application/grpc-web", false},
      {"application/grpcx", false},
      {"application/json", false},
      {"", false},
  };
  for (const Case& one : cases) {
    RequestHead head;
    head.fields.add(Name::content_type, one.type);
    EXPECT_EQ(head.is_grpc(), one.grpc) << one.type;
  }
  EXPECT_FALSE(RequestHead{}.is_grpc());
}

TEST(RequestHead, is_like_new_after_clear) {
  RequestHead head;
  head.method = Method::post;
  head.method_text = "POST";
  head.target = "/x";
  head.authority = "catalog";
  head.scheme = "http";
  head.version = Version::http_1_0;
  head.body = BodyLength::chunked();
  head.expects_continue = true;
  head.keep_alive = false;
  head.upgrade = "websocket";
  head.fields.add(Name::via, "x");
  head.clear();
  EXPECT_EQ(head.method, Method::get);
  for (const auto& text :
       {head.method_text, head.target, head.authority, head.scheme, head.upgrade}) {
    EXPECT_EQ(text, "");
  }
  EXPECT_EQ(head.version, Version::http_1_1);
  EXPECT_TRUE(head.body.empty());
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.fields.empty());
}

TEST(ResponseHead, is_like_new_after_clear) {
  ResponseHead head;
  head.status = 101;
  head.reason = "Switching Protocols";
  head.version = Version::http_1_0;
  head.body = BodyLength::until_close();
  head.keep_alive = false;
  head.fields.add(Name::via, "x");
  head.clear();
  EXPECT_EQ(head.status, 0);
  EXPECT_EQ(head.reason, "");
  EXPECT_EQ(head.version, Version::http_1_1);
  EXPECT_TRUE(head.body.empty());
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.fields.empty());
}

TEST(ResponseHead, is_informational_below_200) {
  for (const auto& [status, informational] :
       {std::pair{100, true}, {103, true}, {199, true}, {200, false}, {504, false}}) {
    ResponseHead head;
    head.status = static_cast<std::uint16_t>(status);
    EXPECT_EQ(head.informational(), informational) << status;
  }
}

TEST(BodyLength, of_no_bytes_is_none) {
  EXPECT_EQ(BodyLength::known(0), BodyLength::none());
  EXPECT_FALSE(BodyLength::known(1).empty());
  EXPECT_FALSE(BodyLength::chunked().empty());
  EXPECT_FALSE(BodyLength::until_close().empty());
}

TEST(ReasonPhrase, is_known_for_what_weir_says_itself) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(408), "Request Timeout");
  EXPECT_EQ(reason_phrase(503), "Service Unavailable");
  EXPECT_EQ(reason_phrase(504), "Gateway Timeout");
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{0, 99, 299, 599}) {
    EXPECT_EQ(reason_phrase(status), "Unknown") << status;
  }
}

}  // namespace
}  // namespace weir::http
