#include "weir/http/method.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

// RFC 9110, 9.2.1 and 9.2.2; RFC 5789 for PATCH.
TEST(Method, is_what_the_rfc_says_of_it) {
  struct Case {
    std::string_view text;
    Method method;
    bool safe;
    bool idempotent;
  };
  constexpr Case cases[] = {
      {"GET", Method::get, true, true},         {"HEAD", Method::head, true, true},
      {"POST", Method::post, false, false},     {"PUT", Method::put, false, true},
      {"DELETE", Method::delete_, false, true}, {"CONNECT", Method::connect, false, false},
      {"OPTIONS", Method::options, true, true}, {"TRACE", Method::trace, true, true},
      {"PATCH", Method::patch, false, false},   {"OTHER", Method::other, false, false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(parse_method(one.text), one.method) << one.text;
    EXPECT_EQ(name_of(one.method), one.text);
    EXPECT_EQ(is_safe(one.method), one.safe) << one.text;
    EXPECT_EQ(is_idempotent(one.method), one.idempotent) << one.text;
  }
}

TEST(Method, is_case_sensitive_and_otherwise_other) {
  for (const std::string_view text :
       {"", "get", "Get", "GET ", "GETS", "GE", "PROPFIND", "PURGE"}) {
    EXPECT_EQ(parse_method(text), Method::other) << text;
  }
}

}  // namespace
}  // namespace weir::http
