// Request methods and what RFC 9110, section 9.2 says of them.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::http {

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  other
};

// Methods are case-sensitive (RFC 9110, 9.1); anything unknown is `other`.
Method parse_method(std::string_view token);
// Upper case; "OTHER" for `other`, which keeps metric labels bounded.
std::string_view name_of(Method method);

constexpr bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options ||
         method == Method::trace;
}
constexpr bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::put || method == Method::delete_;
}

}  // namespace weir::http
