#include <algorithm>

#include "codec.h"
#include "sections.h"

namespace weir::config {
namespace {

using policy::FieldMatch;

constexpr auto required = Field::Need::required;

// RFC 9110, 5.6.2: what a field name or a cookie name may be made of.
std::optional<Complaint> check_token(std::string_view name) {
  const bool good = !name.empty() && std::ranges::all_of(name, [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte > 0x20U && byte < 0x7FU &&
           std::string_view{"\"(),/:;<=>?@[\\]{}"}.find(letter) == std::string_view::npos;
  });
  if (good) return std::nullopt;
  return Complaint{"\"" + std::string{name} + "\" is not a name of a header or cookie", ""};
}

FieldMatch make_match(FieldMatch::Where where, const std::string& name) {
  return {where, where == FieldMatch::Where::header ? lower(name) : name, {}};
}

Shape pattern_of(FieldMatch& match) { return scalar_as(value_pattern_codec(), &match.value); }

Shape caller(policy::Pattern& target) { return scalar_as(identity_codec(), &target); }

// The matches of one kind among all of them.
Shape field_matches(std::vector<FieldMatch>& target, FieldMatch::Where where) {
  const auto kind = [where](const FieldMatch& match) { return match.where == where; };
  return {Dictionary{"name", check_token,
                     [&target, where](const std::string& name) {
                       return pattern_of(target.emplace_back(make_match(where, name)));
                     },
                     [&target, kind] {
                       std::vector<std::string> names;
                       for (const auto& match : target) {
                         if (kind(match)) names.push_back(match.name);
                       }
                       return names;
                     },
                     [&target, kind](std::size_t index) {
                       auto at = std::ranges::find_if(target, kind);
                       while (index-- > 0) at = std::find_if(at + 1, target.end(), kind);
                       return pattern_of(*at);
                     }}};
}

// The one match of a version rule.
Shape single_match(std::optional<FieldMatch>& target, FieldMatch::Where where) {
  return {Dictionary{"name", check_token,
                     [&target, where](const std::string& name) {
                       target = make_match(where, name);
                       return pattern_of(*target);
                     },
                     [&target, where] {
                       std::vector<std::string> names;
                       if (target && target->where == where) names.push_back(target->name);
                       return names;
                     },
                     [&target](std::size_t) { return pattern_of(*target); }}};
}

Shape when(policy::VersionRule& rule) {
  return {Section{[&rule] {
                    return Fields{
                        {"header", "A header field and the value it has.",
                         single_match(rule.when, FieldMatch::Where::header)},
                        {"cookie", "A cookie and the value it has.",
                         single_match(rule.when, FieldMatch::Where::cookie)},
                        {"cohort", "A share of the users: the same ones each time with `sticky`.",
                         scalar(rule.cohort, "", positive)},
                    };
                  },
                  [&rule] { return rule.when || rule.cohort; }}};
}

Shape split(std::vector<policy::VersionShare>& target) {
  return {Dictionary{"version", nullptr,
                     [&target](const std::string& version) {
                       target.push_back({version, {}});
                       return scalar(target.back().share);
                     },
                     [&target] {
                       std::vector<std::string> versions;
                       for (const auto& share : target) versions.push_back(share.version);
                       return versions;
                     },
                     [&target](std::size_t index) { return scalar(target[index].share); }}};
}

}  // namespace

Fields describe(policy::Match& match) {
  return {
      {"host", "Host without its port: `catalog`, `*.internal` or `*`.",
       scalar_as(host_pattern_codec(), &match.host)},
      {"path", "Path without its query: `/v1/items`, `/v1/*` or `*`.",
       scalar_as(path_pattern_codec(), &match.path)},
      {"method", "One method or a list; all of them when left out.", or_one(scalars(match.methods)),
       Field::Need::optional, unless_empty(match.methods)},
      {"headers", "Header fields that must be there: a value, `abc*`, `*abc`, or `*` for any.",
       field_matches(match.fields, FieldMatch::Where::header)},
      {"cookies", "Cookies that must be there.",
       field_matches(match.fields, FieldMatch::Where::cookie)},
      {"caller", "Who made the inbound call that this one belongs to: SPIFFE ids.",
       or_one(list<policy::Pattern>(match.callers, caller)), Field::Need::optional,
       unless_empty(match.callers)},
  };
}

Fields describe(policy::VersionRule& rule) {
  return {
      {"when", "What must hold for the rule to decide; one of its keys. Left out, it always does.",
       when(rule)},
      {"to", "The version.", scalar(rule.to)},
      {"split", "Or several versions and their shares, 100 % together.", split(rule.split)},
      {"sticky", "What keeps a user with the choice; by chance when left out.",
       scalar(rule.sticky)},
  };
}

Fields describe(policy::Fallback& fallback) {
  const bool fixed = fallback.kind == policy::Fallback::Kind::static_response;
  const auto of_fixed = fixed ? Field::Print::shown : Field::Print::hidden;
  const auto of_upstream = fixed ? Field::Print::hidden : Field::Print::shown;
  constexpr auto optional = Field::Need::optional;
  return {
      {"status", "Status of a fixed response.",
       scalar(fallback.status, {.least = 200, .most = 599}), optional, of_fixed},
      {"body", "Body of a fixed response.", scalar_as(body_codec(), &fallback.body), optional,
       of_fixed},
      {"content_type", "Content-Type of a fixed response.", scalar(fallback.content_type), optional,
       of_fixed},
      {"upstream", "Or another upstream that is asked instead.", scalar(fallback.upstream),
       optional, of_upstream},
      {"version", "A version of that upstream.", scalar(fallback.version), optional, of_upstream},
  };
}

Fields describe(policy::Route& route) {
  return {
      {"name", "Name in metrics and logs; made from `match` when left out.", scalar(route.name)},
      {"match", "What a request must look like; everything when left out.", section(route.match)},
      {"to", "The upstream.", scalar(route.to), required},
      {"budget", "How long a request may take; the listener's budget when left out.",
       scalar(route.budget, "", positive)},
      {"failover", "Overrides whether the upstream's failover is used.",
       scalar(route.failover, "")},
      {"versions", "Rules that choose a version; the first that holds decides.",
       sections(route.versions), Field::Need::optional, unless_empty(route.versions)},
      {"fallback", "What is answered when the upstream cannot.", section(route.fallback)},
      {"on_caller_gone",
       "Whether work goes on when the caller has gone: `cancel`, `finish`, or `by_method`, which "
       "cancels safe methods and gRPC.",
       scalar(route.on_caller_gone)},
      {"correlate",
       "Whether a call belongs to the inbound request that caused it: its budget, its marks, its "
       "end. `off` for what shall outlive that request.",
       scalar(route.correlate)},
      {"body_limit", "Bytes of a request body; the listener's limit when left out.",
       scalar(route.body_limit, "")},
      {"idle", "For streams: longest pause, instead of a total time, after the first byte.",
       scalar(route.idle, "", positive)},
  };
}

}  // namespace weir::config
