#include "weir/resilience/grpc.h"

#include <gtest/gtest.h>

#include <set>

#include "weir/http/grpc.h"

namespace weir::resilience {
namespace {

using http::GrpcStatus;
using http::Name;
using namespace std::chrono_literals;

constexpr BudgetUse plenty{10ms, 990ms};
constexpr BudgetUse used_up{990ms, 10ms};

http::ResponseHead head_of(std::uint16_t status, http::BodyLength body,
                           std::optional<std::string_view> grpc = {}) {
  http::ResponseHead head;
  head.status = status;
  head.body = body;
  if (grpc) head.fields.add(Name::grpc_status, *grpc);
  return head;
}

std::optional<GrpcStatus> status_of(const Outcome& outcome) {
  if (!outcome.grpc) return std::nullopt;
  return static_cast<GrpcStatus>(*outcome.grpc);
}

TEST(GrpcStatus, is_a_code_of_grpc_or_unknown) {
  struct Row {
    std::string_view text;
    int status;
  };
  const Row rows[] = {{"0", 0},   {"14", 14}, {"16", 16}, {"17", 2},  {"255", 2},
                      {"256", 2}, {"", 2},    {"-1", 2},  {"14 ", 2}, {"UNAVAILABLE", 2}};
  for (const Row& row : rows) EXPECT_EQ(read_grpc_status(row.text), row.status) << row.text;
}

// grpc/doc/http-grpc-status-mapping.md
TEST(GrpcStatus, follows_from_the_http_status_where_there_is_none) {
  struct Row {
    std::uint16_t http;
    GrpcStatus status;
  };
  const Row rows[] = {{400, GrpcStatus::internal},
                      {401, GrpcStatus::unauthenticated},
                      {403, GrpcStatus::permission_denied},
                      {404, GrpcStatus::unimplemented},
                      {429, GrpcStatus::unavailable},
                      {502, GrpcStatus::unavailable},
                      {503, GrpcStatus::unavailable},
                      {504, GrpcStatus::unavailable},
                      {200, GrpcStatus::unknown},
                      {500, GrpcStatus::unknown},
                      {302, GrpcStatus::unknown}};
  for (const Row& row : rows) {
    EXPECT_EQ(grpc_status_of_http(row.http), static_cast<std::uint8_t>(row.status)) << row.http;
  }
}

TEST(GrpcStatus, blames_what_the_instance_did_and_not_what_was_asked_of_it) {
  const std::set<GrpcStatus> blaming{GrpcStatus::unknown, GrpcStatus::deadline_exceeded,
                                     GrpcStatus::internal, GrpcStatus::unavailable,
                                     GrpcStatus::data_loss};
  for (std::uint8_t code = 0; code < http::grpc_status_count; ++code) {
    const auto status = static_cast<GrpcStatus>(code);
    EXPECT_EQ(grpc_status_blames(code), blaming.contains(status)) << http::name_of(status);
    EXPECT_EQ(counts_as_error({.status = 200, .grpc = code}), blaming.contains(status));
  }
  EXPECT_TRUE(grpc_status_blames(200)) << "as UNKNOWN";
}

TEST(GrpcStatus, tells_of_a_server_that_gave_up_just_before_us) {
  using std::chrono::milliseconds;
  const auto exceeded = static_cast<std::uint8_t>(http::GrpcStatus::deadline_exceeded);
  EXPECT_TRUE(gave_up_in_time(exceeded, milliseconds{1}));
  EXPECT_TRUE(gave_up_in_time(exceeded, milliseconds{-1}));
  EXPECT_FALSE(gave_up_in_time(exceeded, milliseconds{100}));
  EXPECT_FALSE(gave_up_in_time(std::uint8_t{0}, milliseconds{1}));
  EXPECT_FALSE(gave_up_in_time(std::nullopt, milliseconds{1}));
}

TEST(GrpcJudgement, of_a_head_is_its_status_unless_trailers_may_still_tell) {
  struct Row {
    http::ResponseHead head;
    Call call;
    std::optional<GrpcStatus> status;
  };
  constexpr auto none = http::BodyLength::none();
  constexpr auto open = http::BodyLength::chunked();
  const Row rows[] = {
      {head_of(200, none, "14"), Call::grpc, GrpcStatus::unavailable},
      {head_of(200, none, "0"), Call::grpc, GrpcStatus::ok},
      {head_of(200, none), Call::grpc, GrpcStatus::unknown},
      {head_of(200, open), Call::grpc, std::nullopt},
      {head_of(503, open), Call::grpc, GrpcStatus::unavailable},
      {head_of(404, http::BodyLength::known(9)), Call::grpc, GrpcStatus::unimplemented},
      {head_of(503, none, "8"), Call::grpc, GrpcStatus::resource_exhausted},
      {head_of(503, open), Call::plain, std::nullopt},
      {head_of(204, none), Call::plain, std::nullopt},
  };
  for (const Row& row : rows) {
    const Outcome outcome = judge_head(row.head, row.call, plenty);
    EXPECT_EQ(status_of(outcome), row.status) << row.head.status;
    EXPECT_EQ(outcome.status, row.head.status);
    EXPECT_EQ(outcome.failure, Failure::none);
  }
}

TEST(GrpcJudgement, of_an_end_is_what_the_trailers_say) {
  http::Fields trailers;
  trailers.add(Name::grpc_status, "13");
  const Outcome at_head{.status = 200};
  EXPECT_EQ(status_of(judge_end(at_head, &trailers, Call::grpc, plenty)), GrpcStatus::internal);
  EXPECT_EQ(status_of(judge_end(at_head, nullptr, Call::grpc, plenty)), GrpcStatus::unknown)
      << "a response that ends without a status";
  EXPECT_EQ(status_of(judge_end(at_head, nullptr, Call::plain, plenty)), std::nullopt);
  const Outcome trailers_only{.status = 200, .grpc = std::uint8_t{5}};
  EXPECT_EQ(status_of(judge_end(trailers_only, nullptr, Call::grpc, plenty)),
            GrpcStatus::not_found);
}

TEST(GrpcJudgement, a_short_budget_blames_nobody_and_a_deadline_of_the_callees_own_does) {
  const auto head = head_of(200, http::BodyLength::none(), "4");
  const Outcome early = judge_head(head, Call::grpc, plenty);
  EXPECT_EQ(early.failure, Failure::none);
  EXPECT_TRUE(counts_as_error(early));
  const Outcome late = judge_head(head, Call::grpc, used_up);
  EXPECT_EQ(late.failure, Failure::deadline_passed);
  EXPECT_FALSE(counts_as_error(late));
  http::Fields trailers;
  trailers.add(Name::grpc_status, "4");
  EXPECT_EQ(judge_end({.status = 200}, &trailers, Call::grpc, used_up).failure,
            Failure::deadline_passed);
  EXPECT_EQ(judge_end({.status = 200}, &trailers, Call::grpc, plenty).failure, Failure::none);
  // Another status at the last moment is what it is.
  EXPECT_TRUE(counts_as_error(
      judge_head(head_of(200, http::BodyLength::none(), "13"), Call::grpc, used_up)));
}

TEST(GrpcJudgement, a_weir_below_says_exactly_that_the_budget_ran_out) {
  constexpr std::string_view told =
      "weir; error=http_response_timeout; details=\"deadline_passed\"";
  auto head = head_of(504, http::BodyLength::none());
  head.fields.add(Name::proxy_status, told);
  EXPECT_EQ(judge_head(head, Call::plain, plenty).failure, Failure::deadline_passed);
  http::Fields trailers;
  trailers.add(Name::grpc_status, "4");
  trailers.add(Name::proxy_status, told);
  EXPECT_EQ(judge_end({.status = 200}, &trailers, Call::grpc, plenty).failure,
            Failure::deadline_passed);
}

TEST(GrpcJudgement, believes_no_trailers_of_other_calls) {
  http::Fields trailers;
  trailers.add(Name::grpc_status, "4");
  trailers.add(Name::proxy_status, "weir; error=connection_timeout; details=deadline_passed");
  trailers.add("weir-fault", "none");
  trailers.add("weir-processed", "no");
  const Outcome end = judge_end({.status = 500}, &trailers, Call::plain, plenty);
  EXPECT_EQ(end.failure, Failure::none);
  EXPECT_EQ(end.grpc, std::nullopt);
  EXPECT_FALSE(end.spares_endpoint || end.unprocessed);
}

TEST(GrpcJudgement, reads_the_marks_of_a_spent_failover) {
  auto head = head_of(200, http::BodyLength::none(), "14");
  EXPECT_FALSE(judge_head(head, Call::grpc, plenty).failover_spent_below);
  head.fields.add(Name::grpc_retry_pushback_ms, "-1");
  EXPECT_TRUE(judge_head(head, Call::grpc, plenty).failover_spent_below);
}

}  // namespace
}  // namespace weir::resilience
