#include "weir/http/upgrade.h"

#include <algorithm>
#include <array>

#include "weir/http/fields.h"

namespace weir::http {
namespace {

constexpr std::array<std::string_view, 6> http_again{"h2c", "h2", "h3", "http", "https", "tls"};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

bool is_protocol(std::string_view text) {
  const auto slash = text.find('/');
  return is_token(text.substr(0, slash)) &&
         (slash == std::string_view::npos || is_token(text.substr(slash + 1)));
}

}  // namespace

bool carries_http(std::string_view protocol) {
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  return std::ranges::any_of(http_again,
                             [&](std::string_view one) { return equal_without_case(name, one); });
}

std::string allowed_upgrades(std::string_view list) {
  std::string allowed;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    const std::string_view protocol = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (!is_protocol(protocol) || carries_http(protocol)) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += protocol;
  }
  return allowed;
}

}  // namespace weir::http
