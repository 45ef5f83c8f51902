#include "weir/http/grpc.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

TEST(GrpcStatus, has_the_values_and_names_of_the_specification) {
  EXPECT_EQ(static_cast<int>(GrpcStatus::deadline_exceeded), 4);
  EXPECT_EQ(static_cast<int>(GrpcStatus::unimplemented), 12);
  EXPECT_EQ(static_cast<int>(GrpcStatus::unavailable), 14);
  EXPECT_EQ(static_cast<int>(GrpcStatus::unauthenticated), 16);
  EXPECT_EQ(name_of(GrpcStatus::ok), "OK");
  EXPECT_EQ(name_of(GrpcStatus::cancelled), "CANCELLED");
  EXPECT_EQ(name_of(GrpcStatus::deadline_exceeded), "DEADLINE_EXCEEDED");
  EXPECT_EQ(name_of(GrpcStatus::unauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(name_of(static_cast<GrpcStatus>(grpc_status_count)), "");
}

TEST(GrpcMethod, is_a_service_and_a_method_and_nothing_else) {
  const auto method = parse_grpc_method("/shop.v1.Stock/Get_All");
  ASSERT_TRUE(method);
  EXPECT_EQ(method->service, "shop.v1.Stock");
  EXPECT_EQ(method->method, "Get_All");
  const std::string longest(GrpcMethod::longest, 'x');
  EXPECT_TRUE(parse_grpc_method("/" + longest + "/" + longest));
  for (const std::string& target :
       {std::string{}, std::string{"/"}, std::string{"//"}, std::string{"/a"}, std::string{"/a/"},
        std::string{"//b"}, std::string{"a/b"}, std::string{"/a/b/"}, std::string{"/a/b/c"},
        std::string{"/a/b?c"}, std::string{"/a b/c"}, std::string{"/a/\n"}, std::string{"*"},
        std::string{"/a/\xc3\xa9"}, "/" + longest + "x/b", "/a/" + longest + "x"}) {
    EXPECT_FALSE(parse_grpc_method(target)) << target;
  }
}

}  // namespace
}  // namespace weir::http
