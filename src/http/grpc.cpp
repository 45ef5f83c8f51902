#include "weir/http/grpc.h"

#include <algorithm>
#include <array>

namespace weir::http {
namespace {

constexpr std::array<std::string_view, grpc_status_count> names{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::array<bool, 256> make_token_characters() {
  std::array<bool, 256> characters{};
  for (const char letter : std::string_view{"!#$%&'*+-.^_`|~0123456789"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "abcdefghijklmnopqrstuvwxyz"}) {
    characters[static_cast<unsigned char>(letter)] = true;
  }
  return characters;
}
constexpr auto token_characters = make_token_characters();

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= GrpcMethod::longest &&
         std::ranges::all_of(text, [](char letter) {
           return token_characters[static_cast<unsigned char>(letter)];
         });
}

}  // namespace

std::string_view name_of(GrpcStatus status) {
  const auto code = static_cast<std::size_t>(status);
  return code < names.size() ? names[code] : std::string_view{};
}

std::optional<GrpcMethod> parse_grpc_method(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  const std::size_t slash = target.find('/', 1);
  if (slash == std::string_view::npos) return std::nullopt;
  const GrpcMethod method{target.substr(1, slash - 1), target.substr(slash + 1)};
  if (!is_name(method.service) || !is_name(method.method)) return std::nullopt;
  return method;
}

}  // namespace weir::http
