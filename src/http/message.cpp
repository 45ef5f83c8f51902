#include "weir/http/message.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::http {
namespace {

constexpr std::array<std::pair<std::string_view, Method>, 9> methods{{
    {"GET", Method::get},
    {"HEAD", Method::head},
    {"POST", Method::post},
    {"PUT", Method::put},
    {"DELETE", Method::delete_},
    {"CONNECT", Method::connect},
    {"OPTIONS", Method::options},
    {"TRACE", Method::trace},
    {"PATCH", Method::patch},
}};

constexpr std::array<std::pair<std::uint16_t, std::string_view>, 55> phrases{{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
}};

}  // namespace

Method parse_method(std::string_view token) {
  const auto* const found =
      std::ranges::find(methods, token, [](const auto& entry) { return entry.first; });
  return found == methods.end() ? Method::other : found->second;
}

std::string_view name_of(Method method) {
  const auto* const found =
      std::ranges::find(methods, method, [](const auto& entry) { return entry.second; });
  return found == methods.end() ? "OTHER" : found->first;
}

std::string_view name_of(Version version) {
  switch (version) {
    case Version::http_1_0: return "1.0";
    case Version::http_1_1: return "1.1";
    case Version::http_2: return "2";
  }
  std::unreachable();
}

std::string_view reason_phrase(std::uint16_t status) {
  const auto* const found =
      std::ranges::lower_bound(phrases, status, {}, [](const auto& entry) { return entry.first; });
  return found != phrases.end() && found->first == status ? found->second : "Unknown";
}

std::string_view RequestHead::path() const {
  return std::string_view{target}.substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view{} : std::string_view{target}.substr(mark + 1);
}

bool RequestHead::is_grpc() const {
  const auto type = fields.find(Name::content_type);
  constexpr std::string_view grpc = "application/grpc";
  if (!type || !type->starts_with(grpc)) return false;
  return type->size() == grpc.size() || (*type)[grpc.size()] == '+' || (*type)[grpc.size()] == ';';
}

void RequestHead::clear() {
  method = Method::get;
  method_text.clear();
  target.clear();
  authority.clear();
  scheme.clear();
  version = Version::http_1_1;
  body = {};
  expects_continue = false;
  keep_alive = true;
  upgrade.clear();
  fields.clear();
}

void ResponseHead::clear() {
  status = 0;
  reason.clear();
  version = Version::http_1_1;
  body = {};
  keep_alive = true;
  fields.clear();
}

}  // namespace weir::http
