#include "weir/resilience/grpc.h"

#include <array>
#include <charconv>

#include "weir/http/grpc.h"
#include "weir/resilience/failover.h"
#include "weir/resilience/fault_marks.h"

namespace weir::resilience {
namespace {

using http::GrpcStatus;

enum class Blames : std::uint8_t { nobody, endpoint };

struct Row {
  GrpcStatus status;
  Blames blames;
};

// What says something of the instance rather than of the request. RESOURCE_EXHAUSTED is a quota or
// a message that is too large, and to eject an instance for it would put its load on the others.
// UNIMPLEMENTED is as true of every other instance of the version. PERMISSION_DENIED is the
// caller's. DEADLINE_EXCEEDED blames unless the budget was short, which judge_head() finds out.
constexpr Row rows[] = {
    {GrpcStatus::ok, Blames::nobody},
    {GrpcStatus::cancelled, Blames::nobody},
    {GrpcStatus::unknown, Blames::endpoint},
    {GrpcStatus::invalid_argument, Blames::nobody},
    {GrpcStatus::deadline_exceeded, Blames::endpoint},
    {GrpcStatus::not_found, Blames::nobody},
    {GrpcStatus::already_exists, Blames::nobody},
    {GrpcStatus::permission_denied, Blames::nobody},
    {GrpcStatus::resource_exhausted, Blames::nobody},
    {GrpcStatus::failed_precondition, Blames::nobody},
    {GrpcStatus::aborted, Blames::nobody},
    {GrpcStatus::out_of_range, Blames::nobody},
    {GrpcStatus::unimplemented, Blames::nobody},
    {GrpcStatus::internal, Blames::endpoint},
    {GrpcStatus::unavailable, Blames::endpoint},
    {GrpcStatus::data_loss, Blames::endpoint},
    {GrpcStatus::unauthenticated, Blames::nobody},
};

constexpr std::array<bool, http::grpc_status_count> make_table() {
  static_assert(std::size(rows) == http::grpc_status_count);
  std::array<bool, http::grpc_status_count> table{};
  for (const Row& row : rows) {
    table[static_cast<std::size_t>(row.status)] = row.blames == Blames::endpoint;
  }
  return table;
}
constexpr auto table = make_table();

constexpr std::uint8_t code(GrpcStatus status) { return static_cast<std::uint8_t>(status); }

// A weir further down says that the budget ran out there.
bool budget_spent_below(const http::Fields& fields) {
  const auto status = fields.find(http::Name::proxy_status);
  return status && status->starts_with("weir;") &&
         (status->find("deadline_passed") != std::string_view::npos ||
          status->find("expired_on_arrival") != std::string_view::npos);
}

// A short budget says nothing of the endpoint.
void spare_for_the_budget(Outcome& outcome, const http::Fields& fields, const BudgetUse& use) {
  const bool gave_up = outcome.grpc == code(GrpcStatus::deadline_exceeded) && use.spent();
  if (gave_up || budget_spent_below(fields)) outcome.failure = Failure::deadline_passed;
}

void hear_whose_fault(Outcome& outcome, const http::Fields& fields) {
  if (outcome.status < 500 && outcome.grpc.value_or(code(GrpcStatus::ok)) == 0) return;
  const FaultMarks marks = read_fault_marks(fields);
  outcome.spares_endpoint |= marks.whose != FaultMarks::Whose::endpoint;
  outcome.unprocessed |= marks.processed == Processed::no;
}

}  // namespace

std::uint8_t read_grpc_status(std::string_view text) {
  std::uint8_t status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && status < http::grpc_status_count ? status : code(GrpcStatus::unknown);
}

std::uint8_t grpc_status_of_http(std::uint16_t status) {
  switch (status) {
    case 400: return code(GrpcStatus::internal);
    case 401: return code(GrpcStatus::unauthenticated);
    case 403: return code(GrpcStatus::permission_denied);
    case 404: return code(GrpcStatus::unimplemented);
    case 429:
    case 502:
    case 503:
    case 504: return code(GrpcStatus::unavailable);
    default: return code(GrpcStatus::unknown);
  }
}

bool grpc_status_blames(std::uint8_t status) {
  return status < table.size() ? table[status] : table[code(GrpcStatus::unknown)];
}

Outcome judge_head(const http::ResponseHead& head, Call call, const BudgetUse& use) {
  Outcome outcome{.status = head.status};
  // Whatever follows a head that is not gRPC's, or no body at all, it is no status.
  const bool all_said = head.status != 200 || head.body.empty();
  if (const auto grpc = head.fields.find(http::Name::grpc_status)) {
    outcome.grpc = read_grpc_status(*grpc);
  } else if (call == Call::grpc && all_said) {
    outcome.grpc = grpc_status_of_http(head.status);
  }
  outcome.failover_spent_below = failover_spent_below(head.fields);
  spare_for_the_budget(outcome, head.fields, use);
  hear_whose_fault(outcome, head.fields);
  return outcome;
}

bool gave_up_in_time(std::optional<std::uint8_t> status, Duration left) {
  constexpr Duration rounding = std::chrono::milliseconds{5};
  constexpr auto exceeded = static_cast<std::uint8_t>(http::GrpcStatus::deadline_exceeded);
  return status == exceeded && left <= rounding;
}

Outcome judge_end(Outcome at_head, const http::Fields* trailers, Call call, const BudgetUse& use) {
  // Of other calls trailers come from the application as they are, and may say anything.
  const auto grpc = trailers != nullptr && call == Call::grpc
                        ? trailers->find(http::Name::grpc_status)
                        : std::nullopt;
  if (grpc) {
    at_head.grpc = read_grpc_status(*grpc);
    spare_for_the_budget(at_head, *trailers, use);
    hear_whose_fault(at_head, *trailers);
  }
  if (call == Call::grpc && !at_head.grpc) at_head.grpc = grpc_status_of_http(at_head.status);
  return at_head;
}

}  // namespace weir::resilience
