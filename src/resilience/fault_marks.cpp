#include "weir/resilience/fault_marks.h"

#include <string_view>

namespace weir::resilience {
namespace {

constexpr std::string_view fault_field = "weir-fault";
constexpr std::string_view processed_field = "weir-processed";
constexpr std::string_view below_word = "below";
constexpr std::string_view nobody_word = "none";

}  // namespace

FaultMarks read_fault_marks(const http::Fields& response) {
  using Whose = FaultMarks::Whose;
  FaultMarks marks;
  const auto fault = response.find(fault_field);
  if (fault == below_word) marks.whose = Whose::below;
  if (fault == nobody_word) marks.whose = Whose::nobody;
  if (response.find(processed_field) == "no") marks.processed = Processed::no;
  return marks;
}

void write_fault_marks(http::Fields& response, const FaultMarks& marks) {
  using Whose = FaultMarks::Whose;
  response.remove(fault_field);
  response.remove(processed_field);
  if (marks.whose == Whose::below) response.add(fault_field, below_word);
  if (marks.whose == Whose::nobody) response.add(fault_field, nobody_word);
  if (marks.processed == Processed::no) response.add(processed_field, "no");
}

FaultMarks fault_marks_of(Failure failure, Processed processed) {
  const FailureFacts& facts = facts_of(failure);
  if (facts.processed != Processed::no || facts.status < 500) return {};
  const bool ours = !facts.blames_endpoint && facts.fault != Fault::downstream;
  using Whose = FaultMarks::Whose;
  return {.whose = ours ? Whose::nobody : Whose::endpoint, .processed = processed};
}

}  // namespace weir::resilience
