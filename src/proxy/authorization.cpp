#include "weir/proxy/authorization.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "weir/http/alike.h"

namespace weir::proxy {
namespace {

using policy::AuthorizationRule;
using policy::Pattern;

int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

bool is_unreserved(int byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

// Of an encoded byte: whether somebody who decodes it would read another path.
bool changes_the_path(std::string_view digits) {
  if (digits.size() < 2) return true;
  const int high = value_of(digits[0]);
  const int low = value_of(digits[1]);
  if (high < 0 || low < 0) return true;
  const int byte = high * 16 + low;
  const bool overlong = byte == 0xc0 || byte == 0xc1;  // how one wrote `/` in two bytes
  return is_unreserved(byte) || byte < ' ' || byte == 0x7f || byte == '/' || byte == '\\' ||
         byte == '%' || byte == ';' || overlong;
}

bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

bool has(Methods methods, http::Method method) {
  return methods.test(static_cast<std::size_t>(method));
}

Methods& add(Methods& methods, http::Method method) {
  return methods.set(static_cast<std::size_t>(method));
}

Methods methods_of(const AuthorizationRule& rule) {
  Methods methods;
  for (const http::Method one : rule.methods) add(methods, one);
  return methods;
}

http::Method in_capitals(std::string_view text) {
  std::string name{text};
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return http::parse_method(name);
}

constexpr std::array<std::string_view, 3> override_names{"x-http-method-override", "x-http-method",
                                                         "x-method-override"};

constexpr std::array<std::string_view, 2> rewrite_names{"x-original-url", "x-rewrite-url"};

bool is_one_of(std::span<const std::string_view> names, const http::Field& field) {
  return field.id == http::Name::other && std::ranges::any_of(names, [&](std::string_view name) {
           return http::alike(field.name, name);
         });
}

// Asked of a rule that denies.
bool takes_with_slash(const Pattern& pattern, std::string_view path) {
  if (pattern.kind == Pattern::Kind::exact && path.ends_with('/')) path.remove_suffix(1);
  return pattern.matches(path);
}

bool takes(const Pattern& pattern, std::string_view path) {
  if (pattern.kind != Pattern::Kind::prefix) return pattern.matches(path);
  std::string_view prefix = pattern.text;
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() ? !path.empty() : path[prefix.size()] == '/';
}

class Fitting {
 public:
  explicit Fitting(const CallFacts& facts)
      : facts_(facts),
        ambiguous_(facts.method == http::Method::connect || facts.rewritten ||
                   is_ambiguous(facts.path)) {}

  bool fits(const AuthorizationRule& rule) const {
    const auto is_caller = [this](const Pattern& id) { return id.matches(facts_.caller); };
    if (!rule.from.empty() && std::ranges::none_of(rule.from, is_caller)) return false;
    if (!rule.methods.empty() && !fits_methods(rule)) return false;
    if (rule.path.kind == Pattern::Kind::any) return true;
    const bool denies = rule.effect == AuthorizationRule::Effect::deny;
    if (ambiguous_) return denies;
    return takes(rule.path, facts_.path) || (denies && takes_with_slash(rule.path, facts_.path));
  }

 private:
  bool fits_methods(const AuthorizationRule& rule) const {
    const Methods methods = methods_of(rule);
    const bool fits = has(methods, facts_.method);
    if (facts_.overrides.none()) return fits;
    if (rule.effect == AuthorizationRule::Effect::deny) {
      return fits || (methods & facts_.overrides).any();
    }
    return fits && (facts_.overrides & ~methods).none();
  }

  const CallFacts& facts_;
  bool ambiguous_;
};

}  // namespace

Methods method_overrides(const http::RequestHead& head) {
  Methods methods;
  const http::Method meant = in_capitals(head.method_text);
  if (head.method == http::Method::other && meant != http::Method::other) add(methods, meant);
  head.fields.for_each([&](const http::Field& field) {
    if (!is_one_of(override_names, field)) return;
    const http::Method asked = in_capitals(field.value);
    if (asked == http::Method::other) methods.set();
    add(methods, asked);
  });
  return methods;
}

bool rewrites_path(const http::Fields& fields) {
  bool found = false;
  fields.for_each(
      [&found](const http::Field& field) { found = found || is_one_of(rewrite_names, field); });
  return found;
}

bool is_ambiguous(std::string_view path) {
  if (path.find_first_of("\\;#") != std::string_view::npos) return true;
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (changes_the_path(path.substr(at + 1))) return true;
  }
  for (auto slash = path.find('/'); slash != std::string_view::npos;) {
    const auto next = path.find('/', slash + 1);
    const auto segment = path.substr(slash + 1, next - slash - 1);
    if (is_dots(segment) || (segment.empty() && next != std::string_view::npos)) return true;
    slash = next;
  }
  return false;
}

AuthorizationDecision decide(const policy::Authorization& authorization, const CallFacts& facts) {
  const Fitting fitting{facts};
  for (std::size_t index = 0; index < authorization.rules.size(); ++index) {
    const AuthorizationRule& rule = authorization.rules[index];
    if (fitting.fits(rule)) return {rule.effect, index};
  }
  return {authorization.otherwise, std::nullopt};
}

bool guards(const policy::Authorization& authorization) {
  return !authorization.rules.empty() || authorization.otherwise == AuthorizationRule::Effect::deny;
}

}  // namespace weir::proxy
