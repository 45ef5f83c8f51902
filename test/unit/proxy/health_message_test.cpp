#include "weir/proxy/health_message.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::proxy {
namespace {

using http::Name;
using resilience::Wellness;
using Kind = policy::HealthCheck::Kind;
using namespace std::string_literals;

TEST(HealthQuestion, is_a_get_of_the_path_from_the_upstream) {
  policy::HealthCheck policy;
  policy.path = "/healthz?full";
  const HealthQuestion question = make_health_question(policy, "catalog");
  EXPECT_EQ(question.head.method, http::Method::get);
  EXPECT_EQ(question.head.method_text, "GET");
  EXPECT_EQ(question.head.target, "/healthz?full");
  EXPECT_EQ(question.head.authority, "catalog");
  EXPECT_TRUE(question.head.body.empty());
  EXPECT_EQ(question.head.fields.find(Name::weir_budget_ms), "1000");
  EXPECT_FALSE(question.head.fields.contains(Name::grpc_timeout));
  EXPECT_EQ(question.body, "");
}

TEST(HealthQuestion, is_a_unary_call_of_grpcs_health_service) {
  policy::HealthCheck policy;
  policy.kind = Kind::grpc;
  const HealthQuestion whole = make_health_question(policy, "catalog");
  EXPECT_EQ(whole.head.method_text, "POST");
  EXPECT_EQ(whole.head.target, "/grpc.health.v1.Health/Check");
  EXPECT_TRUE(whole.head.is_grpc());
  EXPECT_EQ(whole.head.fields.find(Name::te), "trailers");
  EXPECT_EQ(whole.head.fields.find(Name::grpc_timeout), "1000000u");
  EXPECT_EQ(whole.body, "\0\0\0\0\0"s);
  policy.service = "shop.Stock";
  EXPECT_EQ(make_health_question(policy, "").body, "\0\0\0\0\x0c\x0a\x0ashop.Stock"s);
  policy.service = std::string(200, 's');
  EXPECT_EQ(make_health_question(policy, "").body, "\0\0\0\0\xcb\x0a\xc8\x01"s + policy.service);
}

TEST(HealthAnswer, over_http_is_well_when_it_says_so) {
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{200, 204, 299}) {
    http::ResponseHead head;
    head.status = status;
    EXPECT_EQ(judge_http_health(head).wellness, Wellness::well) << status;
  }
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{301, 404, 500, 503}) {
    http::ResponseHead head;
    head.status = status;
    EXPECT_EQ(judge_http_health(head).wellness, Wellness::unwell) << status;
  }
}

TEST(HealthAnswer, over_grpc_is_a_status_and_a_message) {
  struct Row {
    std::string_view grpc_status;
    std::string body;
    Wellness wellness;
    std::string_view reason;
  };
  const std::string serving = "\0\0\0\0\x02\x08\x01"s;
  const Row rows[] = {
      {"0", serving, Wellness::well, "serving"},
      {"0", "\0\0\0\0\x02\x08\x02"s, Wellness::unwell, "not_serving"},
      {"0", "\0\0\0\0\x02\x08\x03"s, Wellness::unwell, "not_serving"},
      {"0", "\0\0\0\0\0"s, Wellness::unwell, "not_serving"},
      // Fields that a later version may add, of every wire type.
      {"0", "\0\0\0\0\x15\x12\x01x\x18\x05\x21\1\2\3\4\5\6\7\x08\x2d\1\2\3\4\x08\x01"s,
       Wellness::well, "serving"},
      {"0", "\0\0\0\0\x03\x08\x81\x00"s, Wellness::well, "serving"},
      {"5", "", Wellness::unwell, "grpc_status"},
      {"12", "", Wellness::well, "unimplemented"},
      {"14", serving, Wellness::unwell, "grpc_status"},
      {"", serving, Wellness::unwell, "grpc_status"},
      {"0", "", Wellness::unwell, "malformed"},
      {"0", "\1\0\0\0\x02\x08\x01"s, Wellness::unwell, "malformed"},
      {"0", "\0\0\0\0\x03\x08\x01"s, Wellness::unwell, "malformed"},
      {"0", "\0\0\0\0\x01\x08\x01"s, Wellness::unwell, "malformed"},
      {"0", "\0\0\0\0\x01\x08"s, Wellness::unwell, "malformed"},
      {"0", "\0\0\0\0\x02\x12\x05"s, Wellness::unwell, "malformed"},
      {"0", "\0\0\0\0\x01\x0b"s, Wellness::unwell, "malformed"},
      {"0", "\0\0\0\0\x02\x08\xff"s, Wellness::unwell, "malformed"},
  };
  for (const Row& row : rows) {
    http::ResponseHead head;
    head.status = 200;
    http::Fields trailers;
    if (!row.grpc_status.empty()) trailers.add(Name::grpc_status, row.grpc_status);
    const HealthAnswer answer = judge_grpc_health(head, row.body, &trailers);
    EXPECT_EQ(answer.wellness, row.wellness)
        << row.grpc_status << ' ' << testing::PrintToString(row.body);
    EXPECT_EQ(answer.reason, row.reason) << testing::PrintToString(row.body);
  }
}

TEST(HealthAnswer, over_grpc_may_be_trailers_only_or_not_grpc_at_all) {
  http::ResponseHead head;
  head.status = 200;
  head.fields.add(Name::grpc_status, "12");
  EXPECT_EQ(judge_grpc_health(head, "", nullptr).reason, "unimplemented");
  http::ResponseHead http_only;
  http_only.status = 503;
  EXPECT_EQ(judge_grpc_health(http_only, "", nullptr).wellness, Wellness::unwell);
}

}  // namespace
}  // namespace weir::proxy
