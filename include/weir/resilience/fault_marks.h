// What a weir tells its caller of a failure, so that a failure blames nobody but the one who
// failed.
//
// `weir-fault: below`: a call that the application made has failed, and so it could not answer.
// `weir-fault: none`: weir refused by policy; the instance is well and has as much as it can take.
// `weir-processed: no`: the application has not seen the request, which may go elsewhere freely.
// They hold for one hop: each weir takes out what it was told and says what is true of itself.
#pragma once

#include <cstdint>

#include "weir/http/fields.h"
#include "weir/resilience/outcome.h"

namespace weir::resilience {

struct FaultMarks {
  enum class Whose : std::uint8_t { endpoint, below, nobody };
  Whose whose = Whose::endpoint;
  Processed processed = Processed::maybe;

  bool operator==(const FaultMarks&) const = default;
};

// Unknown words say nothing.
FaultMarks read_fault_marks(const http::Fields& response);
// Only `weir-processed` and `weir-fault` as they shall be; what was there goes.
void write_fault_marks(http::Fields& response, const FaultMarks& marks);

// Of a failure at an instance, as its caller should understand it. `processed`: whether any attempt
// may have reached the application.
FaultMarks fault_marks_of(Failure failure, Processed processed);

}  // namespace weir::resilience
