// The words of gRPC over HTTP/2: status codes and method names.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and statuscodes.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

// The values are those of the field `grpc-status`.
enum class GrpcStatus : std::uint8_t {
  ok,
  cancelled,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated
};
inline constexpr std::size_t grpc_status_count =
    static_cast<std::size_t>(GrpcStatus::unauthenticated) + 1;

// As the specification writes it: `DEADLINE_EXCEEDED`. Empty for a code beyond those above.
std::string_view name_of(GrpcStatus status);

struct GrpcMethod {
  static constexpr std::size_t longest = 128;  // of each part, in bytes
  std::string_view service;                    // with its package: `shop.Stock`
  std::string_view method;
};
// The parts of `/package.Service/Method`, each of token characters (RFC 9110, 5.6.2); none when the
// target has another form or a part is too long. The views are of `target`.
std::optional<GrpcMethod> parse_grpc_method(std::string_view target);

}  // namespace weir::http
