#include "weir/resilience/fault_marks.h"

#include <gtest/gtest.h>

#include <array>

#include "weir/resilience/grpc.h"

namespace weir::resilience {
namespace {

using Whose = FaultMarks::Whose;

TEST(FaultMarks, say_whose_fault_a_local_reply_is) {
  struct Row {
    Failure failure;
    Whose whose;
    Processed processed;
  };
  const Row rows[] = {
      {Failure::bulkhead_full, Whose::nobody, Processed::no},
      {Failure::bulkhead_expired, Whose::nobody, Processed::no},
      {Failure::breaker_open, Whose::nobody, Processed::no},
      {Failure::draining, Whose::nobody, Processed::no},
      {Failure::stream_refused, Whose::nobody, Processed::no},
      {Failure::connect_refused, Whose::endpoint, Processed::no},
      {Failure::connect_timeout, Whose::endpoint, Processed::no},
      {Failure::reset_before_response, Whose::endpoint, Processed::maybe},
      {Failure::reset_reused_connection, Whose::endpoint, Processed::maybe},
      {Failure::attempt_timeout, Whose::endpoint, Processed::maybe},
      {Failure::internal, Whose::endpoint, Processed::maybe},
      {Failure::no_route, Whose::endpoint, Processed::maybe},  // a 404 says enough
  };
  for (const Row& row : rows) {
    const FaultMarks marks = fault_marks_of(row.failure, Processed::no);
    EXPECT_EQ(marks, (FaultMarks{row.whose, row.processed})) << name_of(row.failure);
    EXPECT_EQ(fault_marks_of(row.failure, Processed::maybe).processed, Processed::maybe)
        << "an earlier attempt may have been processed: " << name_of(row.failure);
  }
}

TEST(FaultMarks, are_read_as_they_were_written) {
  for (const Whose whose : {Whose::endpoint, Whose::below, Whose::nobody}) {
    for (const Processed processed : {Processed::no, Processed::maybe}) {
      http::Fields fields;
      fields.add("weir-fault", "below");
      fields.add("weir-processed", "no");
      write_fault_marks(fields, {whose, processed});
      EXPECT_EQ(read_fault_marks(fields), (FaultMarks{whose, processed}));
    }
  }
  http::Fields unknown;
  unknown.add("weir-fault", "yours");
  unknown.add("weir-processed", "yes");
  EXPECT_EQ(read_fault_marks(unknown), FaultMarks{});
}

TEST(FaultMarks, spare_the_endpoint_only_in_an_error) {
  for (const std::uint16_t status : std::array<std::uint16_t, 4>{200, 404, 500, 503}) {
    http::ResponseHead head;
    head.status = status;
    write_fault_marks(head.fields, {Whose::below, Processed::no});
    const Outcome outcome = judge_head(head, Call::plain, {});
    EXPECT_EQ(outcome.spares_endpoint, status >= 500) << status;
    EXPECT_EQ(outcome.unprocessed, status >= 500) << status;
    EXPECT_FALSE(counts_as_error(outcome)) << status;
  }
}

TEST(FaultMarks, stand_in_the_trailers_of_a_grpc_call) {
  http::Fields trailers;
  trailers.add(http::Name::grpc_status, "14");
  const Outcome blamed = judge_end({.status = 200}, &trailers, Call::grpc, {});
  EXPECT_TRUE(counts_as_error(blamed));
  write_fault_marks(trailers, {Whose::below, Processed::maybe});
  EXPECT_FALSE(counts_as_error(judge_end({.status = 200}, &trailers, Call::grpc, {})));
}

}  // namespace
}  // namespace weir::resilience
