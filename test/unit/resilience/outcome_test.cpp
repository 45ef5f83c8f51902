#include "weir/resilience/outcome.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::resilience {
namespace {

using policy::FailoverOn;

TEST(Outcome, every_failure_has_a_label_of_its_own) {
  std::set<std::string_view> labels;
  const int count = static_cast<int>(Failure::internal) + 1;
  for (int index = 0; index < count; ++index) {
    labels.insert(name_of(static_cast<Failure>(index)));
  }
  EXPECT_EQ(labels.size(), static_cast<std::size_t>(count));
  EXPECT_FALSE(labels.contains(""));
}

TEST(Outcome, local_replies_carry_the_status_of_rfc_9209_or_of_the_budget) {
  struct Row {
    Failure failure;
    int status;
    int grpc;
    std::string_view proxy_status;
  };
  const Row rows[] = {
      {Failure::connect_refused, 502, 14, "connection_refused"},
      {Failure::connect_timeout, 504, 14, "connection_timeout"},
      {Failure::reset_before_response, 502, 14, "connection_terminated"},
      {Failure::malformed_response, 502, 13, "http_protocol_error"},
      {Failure::attempt_timeout, 504, 14, "http_response_timeout"},
      {Failure::deadline_passed, 504, 4, "http_response_timeout"},
      {Failure::expired_on_arrival, 504, 4, "http_request_denied"},
      {Failure::no_route, 404, 12, "destination_not_found"},
      {Failure::no_endpoint, 503, 14, "destination_unavailable"},
      {Failure::breaker_open, 503, 14, "destination_unavailable"},
      {Failure::bulkhead_full, 503, 8, "connection_limit_reached"},
      {Failure::draining, 503, 14, "proxy_internal_response"},
      {Failure::malformed_request, 400, 13, "http_request_error"},
      {Failure::request_too_large, 413, 8, "http_request_error"},
      {Failure::request_timeout, 408, 1, "http_request_error"},
      {Failure::tls_failed, 502, 14, "tls_protocol_error"},
      {Failure::tls_certificate, 502, 14, "tls_certificate_error"},
      {Failure::tls_alert, 502, 14, "tls_alert_received"},
      {Failure::tls_timeout, 504, 14, "connection_timeout"},
      {Failure::unauthorized, 403, 7, "http_request_denied"},
      {Failure::internal, 500, 13, "proxy_internal_error"},
      {Failure::caller_gone, 499, 1, ""},
  };
  for (const Row& row : rows) {
    const FailureFacts& facts = facts_of(row.failure);
    EXPECT_EQ(facts.status, row.status) << facts.label;
    EXPECT_EQ(facts.grpc_status, row.grpc) << facts.label;
    EXPECT_EQ(facts.proxy_status, row.proxy_status) << facts.label;
  }
}

TEST(Outcome, only_what_the_upstream_did_blames_the_endpoint) {
  const std::set<Failure> blaming{
      Failure::connect_refused,    Failure::connect_timeout,       Failure::connect_unreachable,
      Failure::tls_failed,         Failure::tls_certificate,       Failure::tls_alert,
      Failure::tls_timeout,        Failure::reset_before_response, Failure::reset_mid_response,
      Failure::malformed_response, Failure::attempt_timeout};
  for (int index = 0; index <= static_cast<int>(Failure::internal); ++index) {
    const auto failure = static_cast<Failure>(index);
    EXPECT_EQ(facts_of(failure).blames_endpoint, blaming.contains(failure)) << name_of(failure);
    EXPECT_TRUE(!blaming.contains(failure) || facts_of(failure).fault == Fault::upstream);
  }
}

TEST(Outcome, what_cannot_have_been_processed_says_so) {
  for (const Failure failure :
       {Failure::connect_refused, Failure::connect_timeout, Failure::tls_failed,
        Failure::tls_certificate, Failure::tls_alert, Failure::tls_timeout, Failure::unauthorized,
        Failure::stream_refused}) {
    EXPECT_EQ(facts_of(failure).processed, Processed::no) << name_of(failure);
  }
  for (const Failure failure : {Failure::reset_before_response, Failure::reset_reused_connection,
                                Failure::attempt_timeout, Failure::malformed_response}) {
    EXPECT_EQ(facts_of(failure).processed, Processed::maybe) << name_of(failure);
  }
}

TEST(Outcome, responses_fall_under_the_policy_word_of_their_status) {
  const auto word = [](std::uint16_t status, std::optional<std::uint8_t> grpc) {
    return retry_word({.status = status, .grpc = grpc});
  };
  EXPECT_EQ(word(200, {}), std::nullopt);
  EXPECT_EQ(word(500, {}), std::nullopt);
  EXPECT_EQ(word(502, {}), FailoverOn::status_502);
  EXPECT_EQ(word(503, {}), FailoverOn::status_503);
  EXPECT_EQ(word(504, {}), FailoverOn::status_504);
  EXPECT_EQ(word(200, 14), FailoverOn::grpc_unavailable);
  EXPECT_EQ(word(200, 13), std::nullopt);
  EXPECT_EQ(word(200, 8), std::nullopt);
  EXPECT_EQ(retry_word({.status = 200, .grpc = std::uint8_t{8}, .unprocessed = true}),
            FailoverOn::refused)
      << "a full bulkhead, told to a gRPC call";
  EXPECT_EQ(retry_word({.failure = Failure::breaker_open}), std::nullopt);
  EXPECT_EQ(retry_word({.failure = Failure::deadline_passed}), std::nullopt);
}

TEST(Outcome, errors_are_5xx_failures_that_blame_and_grpc_faults_of_the_server) {
  EXPECT_FALSE(counts_as_error({.status = 404}));
  EXPECT_TRUE(counts_as_error({.status = 500}));
  EXPECT_TRUE(counts_as_error({.failure = Failure::attempt_timeout}));
  EXPECT_FALSE(counts_as_error({.failure = Failure::stream_refused}));
  EXPECT_FALSE(counts_as_error({.failure = Failure::deadline_passed}));
  for (const std::uint8_t grpc : std::initializer_list<std::uint8_t>{2, 4, 13, 14, 15}) {
    EXPECT_TRUE(counts_as_error({.status = 200, .grpc = grpc})) << int{grpc};
  }
  for (const std::uint8_t grpc : std::initializer_list<std::uint8_t>{0, 1, 3, 5, 7, 8, 12, 16}) {
    EXPECT_FALSE(counts_as_error({.status = 200, .grpc = grpc})) << int{grpc};
  }
}

}  // namespace
}  // namespace weir::resilience
