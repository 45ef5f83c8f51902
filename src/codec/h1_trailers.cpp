#include "h1_trailers.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::codec {
namespace {

// Request modifiers, authentication, response control and content format.
constexpr std::array<std::string_view, 21> head_only{
    "accept",
    "accept-encoding",
    "cache-control",
    "content-encoding",
    "content-range",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authentication-info",
    "range",
    "set-cookie",
    "vary",
    "warning",
    "www-authenticate",
    "x-real-ip",
};

}  // namespace

TrailerRule trailer_rule(const http::Field& field) {
  using http::Name;
  switch (field.id) {
    case Name::connection:
    case Name::content_length:
    case Name::expect:
    case Name::host:
    case Name::http2_settings:
    case Name::keep_alive:
    case Name::proxy_connection:
    case Name::te:
    case Name::trailer:
    case Name::transfer_encoding:
    case Name::upgrade: return TrailerRule::refuse;
    case Name::grpc_message:
    case Name::grpc_retry_pushback_ms:
    case Name::grpc_status:
    case Name::proxy_status:
    case Name::server_timing: return TrailerRule::keep;
    case Name::other: break;
    default: return TrailerRule::drop;
  }
  const bool known = std::ranges::any_of(
      head_only, [&](std::string_view name) { return http::equal_without_case(name, field.name); });
  return known ? TrailerRule::drop : TrailerRule::keep;
}

}  // namespace weir::codec
