// Which version of an upstream a request is sent to.
#include <algorithm>

#include "weir/base/hash.h"
#include "weir/route/table.h"

namespace weir::route {
namespace {

// Cohorts and splits of one rule must not be correlated: a user near the cohort's edge would always
// fall on the same side of the split.
enum class Purpose : std::uint64_t { cohort = 1, split = 2 };

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The last four bytes of ::ffff:a.b.c.d are the address that an IPv4 socket would show.
std::string_view host_key(const Address& client) {
  constexpr std::string_view mapped{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};
  const auto& bytes = client.host_bytes();
  // The one reinterpretation of bytes as text: the hash takes text.
  const std::string_view all{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (client.family() == Address::Family::v4) return all.substr(0, 4);
  return all.starts_with(mapped) ? all.substr(mapped.size()) : all;
}

std::string_view key_bytes(const policy::StickyKey& key, const http::RequestHead& request,
                           const Address& client) {
  if (key.kind == policy::StickyKey::Kind::client_address) return host_key(client);
  return sticky_text(key, request);
}

std::uint64_t seed_of(const policy::Route& route, Purpose purpose) {
  return stable_hash(route.to, static_cast<std::uint64_t>(purpose));
}

std::string_view share_at(const std::vector<policy::VersionShare>& split, double position) {
  double passed = 0;
  const policy::VersionShare* last = nullptr;
  for (const auto& share : split) {
    if (share.share.value <= 0) continue;
    passed += share.share.value;
    last = &share;
    if (position < passed) return share.version;
  }
  // Shares add up to 100 % only as far as doubles do.
  return last ? std::string_view{last->version} : std::string_view{};
}

class Chooser {
 public:
  Chooser(const policy::Route& route, const http::RequestHead& request, const Address& client,
          Random& random)
      : route_(route), request_(request), client_(client), random_(random) {}

  bool applies(const policy::VersionRule& rule) const {
    if (rule.when && !holds(*rule.when, request_)) return false;
    return !rule.cohort || in_cohort(rule);
  }

  std::string_view version_of(const policy::VersionRule& rule) const {
    if (!rule.to.empty() || rule.split.empty()) return rule.to;
    const std::string_view key = key_bytes(rule.sticky, request_, client_);
    if (key.empty()) return share_at(rule.split, random_.unit());
    return share_at(rule.split, stable_position(key, seed_of(route_, Purpose::split)));
  }

 private:
  bool in_cohort(const policy::VersionRule& rule) const {
    if (rule.sticky.kind == policy::StickyKey::Kind::none) return random_.chance(*rule.cohort);
    const std::string_view key = key_bytes(rule.sticky, request_, client_);
    return !key.empty() &&
           stable_position(key, seed_of(route_, Purpose::cohort)) < rule.cohort->value;
  }

  const policy::Route& route_;
  const http::RequestHead& request_;
  const Address& client_;
  Random& random_;
};

}  // namespace

std::string_view choose_version(const policy::Route& route, const http::RequestHead& request,
                                const Address& client, Random& random) {
  const Chooser chooser{route, request, client, random};
  for (const auto& rule : route.versions) {
    if (chooser.applies(rule)) return chooser.version_of(rule);
  }
  return {};
}

bool holds(const policy::FieldMatch& match, const http::RequestHead& request) {
  const auto value = match.where == policy::FieldMatch::Where::cookie
                         ? find_cookie(request.fields, match.name)
                         : request.fields.find(match.name);
  return value && match.value.matches(*value);
}

std::string_view sticky_text(const policy::StickyKey& key, const http::RequestHead& request) {
  switch (key.kind) {
    case policy::StickyKey::Kind::header: return request.fields.find(key.name).value_or("");
    case policy::StickyKey::Kind::cookie: return find_cookie(request.fields, key.name).value_or("");
    case policy::StickyKey::Kind::none:
    case policy::StickyKey::Kind::client_address: break;
  }
  return {};
}

std::optional<std::uint64_t> sticky_hash(const policy::StickyKey& key,
                                         const http::RequestHead& request, const Address& client) {
  const std::string_view bytes = key_bytes(key, request, client);
  if (bytes.empty()) return std::nullopt;
  return stable_hash(bytes);
}

std::optional<std::string_view> find_cookie(const http::Fields& fields, std::string_view name) {
  if (!fields.contains(http::Name::cookie)) return std::nullopt;
  for (std::size_t index = 0; index < fields.size(); ++index) {
    const http::Field field = fields[index];
    if (field.id != http::Name::cookie) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      if (trimmed(pair.substr(0, equals)) == name) return trimmed(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

}  // namespace weir::route
