#include "weir/proxy/local_reply.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::proxy {
namespace {

using http::Name;
using resilience::Failure;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LocalReply, says_what_happened_in_status_body_and_proxy_status) {
  struct Case {
    Failure failure;
    std::uint16_t status;
    std::string_view proxy_status;
  };
  constexpr Case cases[] = {
      {Failure::connect_refused, 502,
       "weir; error=connection_refused; details=\"connect_refused\""},
      {Failure::connect_timeout, 504,
       "weir; error=connection_timeout; details=\"connect_timeout\""},
      {Failure::deadline_passed, 504,
       "weir; error=http_response_timeout; details=\"deadline_passed\""},
      {Failure::expired_on_arrival, 504,
       "weir; error=http_request_denied; details=\"expired_on_arrival\""},
      {Failure::no_route, 404, "weir; error=destination_not_found; details=\"no_route\""},
      {Failure::bulkhead_full, 503,
       "weir; error=connection_limit_reached; details=\"bulkhead_full\""},
      {Failure::internal, 500, "weir; error=proxy_internal_error; details=\"internal\""},
  };
  for (const Case& one : cases) {
    const LocalReply reply = make_local_reply({.failure = one.failure});
    EXPECT_EQ(reply.head.status, one.status);
    EXPECT_EQ(reply.head.reason, http::reason_phrase(one.status));
    EXPECT_EQ(reply.head.fields.find(Name::proxy_status), one.proxy_status);
    EXPECT_EQ(reply.body, "weir: " + std::string{resilience::name_of(one.failure)} + "\n");
    EXPECT_EQ(reply.head.body, http::BodyLength::known(reply.body.size()));
    EXPECT_TRUE(reply.head.fields.contains(Name::content_type));
    EXPECT_FALSE(reply.head.fields.contains(Name::retry_after));
    EXPECT_FALSE(reply.head.fields.contains(Name::weir_failover));
  }
}

// gRPC's "PROTOCOL-HTTP2": status 200, no body, and the status among the header fields.
TEST(LocalReply, is_trailers_only_to_grpc) {
  struct Case {
    Failure failure;
    std::string_view status;
    std::string_view message;
  };
  constexpr Case cases[] = {
      {Failure::deadline_passed, "4", "weir: deadline_passed"},
      {Failure::expired_on_arrival, "4", "weir: expired_on_arrival"},
      {Failure::bulkhead_full, "8", "weir: bulkhead_full"},
      {Failure::no_route, "12", "weir: no_route"},
      {Failure::connect_refused, "14", "weir: connect_refused"},
  };
  for (const Case& one : cases) {
    const LocalReply reply = make_local_reply({.failure = one.failure, .grpc = true});
    EXPECT_EQ(reply.head.status, 200);
    EXPECT_TRUE(reply.head.body.empty());
    EXPECT_EQ(reply.body, "");
    EXPECT_EQ(reply.head.fields.find(Name::content_type), "application/grpc");
    EXPECT_EQ(reply.head.fields.find(Name::grpc_status), one.status);
    EXPECT_EQ(reply.head.fields.find(Name::grpc_message), one.message);
    EXPECT_TRUE(reply.head.fields.contains(Name::proxy_status));
  }
}

TEST(LocalReply, rounds_retry_after_up_to_seconds) {
  struct Case {
    Duration retry_after;
    std::optional<std::string_view> said;
  };
  const Case cases[] = {
      {Duration::zero(), std::nullopt},
      {seconds{-1}, std::nullopt},
      {Duration{1}, "1"},
      {milliseconds{999}, "1"},
      {seconds{1}, "1"},
      {milliseconds{1001}, "2"},
      {seconds{30}, "30"},
  };
  for (const Case& one : cases) {
    for (const bool grpc : {false, true}) {
      const LocalReply reply = make_local_reply(
          {.failure = Failure::bulkhead_full, .grpc = grpc, .retry_after = one.retry_after});
      EXPECT_EQ(reply.head.fields.find(Name::retry_after), one.said);
    }
  }
}

TEST(LocalReply, nobody_above_tries_again_what_was_tried_twice_or_is_known_to_fail) {
  struct Case {
    Failure failure;
    bool spent;
    std::optional<std::string_view> mark;
  };
  constexpr Case cases[] = {
      {Failure::attempt_timeout, false, std::nullopt},
      {Failure::attempt_timeout, true, "spent"},
      {Failure::breaker_open, false, "spent"},
      {Failure::breaker_open, true, "spent"},
  };
  for (const Case& one : cases) {
    for (const bool grpc : {false, true}) {
      const LocalReply reply =
          make_local_reply({.failure = one.failure, .grpc = grpc, .failover_spent = one.spent});
      EXPECT_EQ(reply.head.fields.find(Name::weir_failover), one.mark);
      EXPECT_LE(reply.head.fields.count(Name::weir_failover), 1U);
      EXPECT_EQ(reply.head.fields.contains(Name::grpc_retry_pushback_ms), grpc && one.mark);
    }
  }
}

TEST(GrpcTrailers, say_what_a_local_reply_would_have_said) {
  const http::Fields plain = make_grpc_trailers({.failure = Failure::reset_mid_response});
  EXPECT_EQ(plain.find(Name::grpc_status), "14");
  EXPECT_EQ(plain.find(Name::grpc_message), "weir: reset_mid_response");
  EXPECT_EQ(plain.find(Name::proxy_status),
            "weir; error=http_response_incomplete; details=\"reset_mid_response\"");
  EXPECT_FALSE(plain.contains(Name::grpc_retry_pushback_ms));
  const http::Fields spent =
      make_grpc_trailers({.failure = Failure::deadline_passed, .failover_spent = true});
  EXPECT_EQ(spent.find(Name::grpc_status), "4");
  EXPECT_EQ(spent.find(Name::grpc_retry_pushback_ms), "-1");
}

TEST(FallbackReply, is_what_the_route_says_and_tells_that_it_is_one) {
  const LocalReply reply = make_fallback_reply(203, "application/json", "[]");
  EXPECT_EQ(reply.head.status, 203);
  EXPECT_EQ(reply.head.reason, "Non-Authoritative Information");
  EXPECT_EQ(reply.body, "[]");
  EXPECT_EQ(reply.head.body, http::BodyLength::known(2));
  EXPECT_EQ(reply.head.fields.find(Name::content_type), "application/json");
  EXPECT_EQ(reply.head.fields.find(Name::proxy_status), "weir; details=\"fallback\"");
}

TEST(FallbackReply, may_be_empty_and_has_a_type_of_its_own) {
  const LocalReply reply = make_fallback_reply(204, "", "");
  EXPECT_TRUE(reply.head.body.empty());
  EXPECT_EQ(reply.head.fields.find(Name::content_type), "text/plain");
}

}  // namespace
}  // namespace weir::proxy
