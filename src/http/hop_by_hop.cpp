#include "weir/http/hop_by_hop.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace weir::http {
namespace {

constexpr NameSet hop_by_hop{
    Name::connection,
    Name::keep_alive,
    Name::proxy_connection,
    Name::transfer_encoding,
    Name::upgrade,
    Name::http2_settings,
    Name::expect,
    Name::proxy_authenticate,
    Name::proxy_authentication_info,
    Name::proxy_authorization,
};

// End-to-end fields that have no Name.
constexpr std::array<std::string_view, 22> protected_names{
    "accept",
    "accept-encoding",
    "allow",
    "cache-control",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "location",
    "origin",
    "range",
    "referer",
    "set-cookie",
    "uber-trace-id",
    "vary",
    "www-authenticate",
    "x-amzn-trace-id",
    "x-client-ip",
    "x-real-ip",
};
constexpr std::array<std::string_view, 6> protected_prefixes{
    "weir-", "grpc-", "x-forwarded-", "x-envoy-", "x-b3-", "content-",
};

bool may_be_nominated(std::string_view name) {
  if (name.empty() || parse_name(name) != Name::other) return false;
  const auto matches = [name](std::string_view known) { return equal_without_case(name, known); };
  const auto begins = [name](std::string_view prefix) {
    return equal_without_case(name.substr(0, prefix.size()), prefix);
  };
  return std::ranges::none_of(protected_names, matches) &&
         std::ranges::none_of(protected_prefixes, begins);
}

std::string_view trimmed(std::string_view item) {
  const auto first = item.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return item.substr(first, item.find_last_not_of(" \t") - first + 1);
}

// The nominated names that are to go, separated by commas. Copied, because removing a field
// invalidates the views of the list; empty, and free, in all but odd messages.
std::string nominated(const Fields& fields) {
  std::string names;
  fields.for_each([&names](const Field& field) {
    std::string_view list = field.id == Name::connection ? field.value : std::string_view{};
    while (!list.empty()) {
      const auto comma = std::min(list.find(','), list.size());
      const std::string_view item = trimmed(list.substr(0, comma));
      list.remove_prefix(std::min(comma + 1, list.size()));
      // `close` is an option and no field.
      if (!may_be_nominated(item) || equal_without_case(item, "close")) continue;
      names.append(item).push_back(',');
    }
  });
  return names;
}

}  // namespace

void remove_hop_by_hop(Fields& fields) {
  if (fields.contains(Name::connection)) {
    const std::string names = nominated(fields);
    for (std::string_view rest = names; !rest.empty();) {
      const auto comma = rest.find(',');
      fields.remove(rest.substr(0, comma));
      rest.remove_prefix(comma + 1);
    }
  }
  fields.remove(hop_by_hop);
  if (!fields.contains(Name::te)) return;
  bool trailers = false;
  fields.for_each([&trailers](const Field& field) {
    if (field.id == Name::te && list_contains(field.value, "trailers")) trailers = true;
  });
  fields.remove(Name::te);
  if (trailers) fields.add(Name::te, "trailers");
}

}  // namespace weir::http
