// What the status of a gRPC call says, wherever it stands: in the trailers, in a head that is all
// of the response (trailers-only), or nowhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/time.h"
#include "weir/http/fields.h"
#include "weir/http/message.h"
#include "weir/resilience/outcome.h"

namespace weir::resilience {

// The value of `grpc-status`; UNKNOWN for what is not a code of gRPC's, as its clients read it.
std::uint8_t read_grpc_status(std::string_view text);
// What a response without `grpc-status` means by its HTTP status, 200 included
// (grpc/doc/http-grpc-status-mapping.md).
std::uint8_t grpc_status_of_http(std::uint16_t status);
// Whether the status tells of an endpoint that does not work. The table says why.
bool grpc_status_blames(std::uint8_t status);

// How much of what an attempt was granted has been used when its answer comes.
struct BudgetUse {
  Duration elapsed{};
  Duration left{};
  // So much that a DEADLINE_EXCEEDED was ours to begin with: the callee learned what was left, less
  // a margin for each hop on the way, and gave up when that was over.
  bool spent() const { return left <= elapsed / 4; }
};

// A gRPC server that was told the deadline in whole milliseconds answers DEADLINE_EXCEEDED just
// before we would. Its caller has as little use for what the application still does as if we had
// been first.
bool gave_up_in_time(std::optional<std::uint8_t> status, Duration left);

enum class Call : std::uint8_t { plain, grpc };

// By the response's head. For a gRPC call whose status follows in the trailers, `grpc` is empty.
// `deadline_passed` is the failure of a response that says the budget ran out further down.
Outcome judge_head(const http::ResponseHead& head, Call call, const BudgetUse& use);
// By the response's end: `at_head` with what the trailers add; `trailers` may be null.
Outcome judge_end(Outcome at_head, const http::Fields* trailers, Call call, const BudgetUse& use);

}  // namespace weir::resilience
