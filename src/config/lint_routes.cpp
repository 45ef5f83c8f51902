// Routes: what they refer to, how long they may take, and whether they can ever match.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "complete.h"
#include "lint.h"
#include "scalar.h"

namespace weir::config {
namespace {

using policy::Upstream;
using policy::VersionRule;

class RouteLint {
 public:
  RouteLint(const policy::Service& service, Findings& findings)
      : service_(service), findings_(findings) {
    for (const Upstream& upstream : service.upstreams) {
      upstreams_.emplace(upstream.name, &upstream);
      names_.push_back(upstream.name);
    }
  }

  void run() {
    for (index_ = 0; index_ < service_.routes.size(); ++index_) {
      const policy::Route& route = service_.routes[index_];
      if (const Upstream* upstream = reference({"routes", index_, "to"}, "to", route.to)) {
        used_.insert(upstream->name);
        budget(route, *upstream);
        versions(route, *upstream);
        repeats(route, *upstream);
      }
      fallback(route);
      name(route);
      shadow(route);
    }
    unused();
  }

 private:
  // The upstream of that name, or an error.
  const Upstream* reference(Place place, std::string_view key, const std::string& name) {
    const auto found = upstreams_.find(name);
    if (found != upstreams_.end()) return found->second;
    if (!findings_.written("upstreams") && findings_.flawed({})) return nullptr;
    findings_.error(place,
                    {fmt::format("routes[{}].{}: there is no upstream \"{}\"", index_, key, name),
                     std::string{nearest(name, names_).value_or("")}});
    return nullptr;
  }

  void budget(const policy::Route& route, const Upstream& upstream) {
    if (!service_.outbound) return;
    const auto& listener = service_.outbound->budget;
    if (route.budget && *route.budget > listener.maximum) {
      findings_.error({"routes", index_, "budget"}, {"outbound"},
                      {fmt::format("routes[{}].budget ({}) is longer than outbound.budget.maximum "
                                   "({})",
                                   index_, text_of(*route.budget), text_of(listener.maximum)),
                       ""});
    }
    const Duration total = route.budget.value_or(listener.fallback);
    // The default gives way: every attempt is cut off by its share of the budget anyway.
    const bool written = findings_.find({"upstreams", upstream.name, "connect_timeout"}) != nullptr;
    if (!written || upstream.connect_timeout < total) return;
    const std::string_view whose = route.budget ? "its budget" : "outbound.budget.default";
    findings_.error(
        {"routes", index_, route.budget ? "budget" : "to"},
        {"upstreams", upstream.name, "connect_timeout"},
        {fmt::format("routes[{}]: connect_timeout of upstream \"{}\" ({}) is not shorter "
                     "than {} ({})",
                     index_, upstream.name, text_of(upstream.connect_timeout), whose,
                     text_of(total)),
         ""});
  }

  void versions(const policy::Route& route, const Upstream& upstream) {
    bool decided = false;
    for (rule_ = 0; rule_ < route.versions.size(); ++rule_) {
      const VersionRule& rule = route.versions[rule_];
      if (decided) {
        complain({"routes", index_, "versions", rule_}, "",
                 "the rule before it always holds, so it never decides");
      }
      decided = !rule.when && !rule.cohort;
      condition();
      choice(rule, upstream);
    }
  }

  void condition() {
    const Node* when = findings_.find({"routes", index_, "versions", rule_, "when"});
    if (when == nullptr) return;
    const auto names = [](const Node& node) { return !node.is_map() || node.keys.size() == 1; };
    if (!when->is_map() || when->keys.size() != 1 || !names(when->items.front())) {
      complain({"routes", index_, "versions", rule_, "when"}, "when",
               "write one header, one cookie or one cohort");
    }
  }

  void choice(const VersionRule& rule, const Upstream& upstream) {
    const Place place{"routes", index_, "versions", rule_};
    if (rule.to.empty() == rule.split.empty()) {
      return complain(place, "", "write either to or split");
    }
    const bool chance = !rule.split.empty() || rule.cohort;
    if (rule.sticky.kind != policy::StickyKey::Kind::none && !chance) {
      complain({"routes", index_, "versions", rule_, "sticky"}, "sticky",
               "there is no split and no cohort to stick to");
    }
    if (!rule.to.empty()) {
      return version({"routes", index_, "versions", rule_, "to"}, "to", upstream, rule.to);
    }
    double sum = 0;
    for (const auto& share : rule.split) {
      sum += share.share.value;
      version({"routes", index_, "versions", rule_, "split", share.version}, "split", upstream,
              share.version);
    }
    if (std::abs(sum - 1) > 1e-9) {
      complain({"routes", index_, "versions", rule_, "split"}, "split",
               fmt::format("the shares add up to {:.6g}%, not to 100%", sum * 100));
    }
  }

  void complain(Place place, std::string_view key, std::string_view message) {
    findings_.error(place, {fmt::format("routes[{}].versions[{}]{}{}: {}", index_, rule_,
                                        key.empty() ? "" : ".", key, message),
                            ""});
  }

  void version(Place place, std::string_view key, const Upstream& upstream,
               const std::string& version) {
    std::vector<std::string_view> known;
    for (const auto& endpoint : upstream.endpoints) {
      if (endpoint.version == version) return;
      known.push_back(endpoint.version);
    }
    findings_.error(
        place, {"upstreams", upstream.name, "endpoints"},
        {fmt::format("routes[{}]: {}: no endpoint of upstream \"{}\" has version \"{}\"", index_,
                     key, upstream.name, version),
         std::string{nearest(version, known).value_or("")}});
  }

  void fallback(const policy::Route& route) {
    if (!route.fallback) return;
    const auto& fallback = *route.fallback;
    const bool fixed = findings_.find({"routes", index_, "fallback", "status"}) != nullptr ||
                       findings_.find({"routes", index_, "fallback", "body"}) != nullptr ||
                       findings_.find({"routes", index_, "fallback", "content_type"}) != nullptr;
    if (fallback.upstream.empty()) {
      if (!fixed) {
        findings_.error(
            {"routes", index_, "fallback"},
            {fmt::format("routes[{}].fallback: write status and body, or upstream", index_), ""});
      } else if (!fallback.version.empty()) {
        findings_.error({"routes", index_, "fallback", "version"},
                        {fmt::format("routes[{}].fallback.version needs an upstream", index_), ""});
      }
      return;
    }
    if (fixed) {
      findings_.error({"routes", index_, "fallback"},
                      {fmt::format("routes[{}].fallback is either a fixed response or an upstream, "
                                   "not both",
                                   index_),
                       ""});
    }
    const Upstream* upstream = reference({"routes", index_, "fallback", "upstream"},
                                         "fallback.upstream", fallback.upstream);
    if (upstream == nullptr) return;
    used_.insert(upstream->name);
    if (!fallback.version.empty()) {
      version({"routes", index_, "fallback", "version"}, "fallback.version", *upstream,
              fallback.version);
    } else if (fallback.upstream == route.to) {
      findings_.warn(
          {"routes", index_, "fallback", "upstream"},
          {fmt::format("routes[{}].fallback leads back to the upstream that failed", index_), ""});
    }
  }

  // Failover was asked for, for methods that are never sent twice once a byte was written.
  void repeats(const policy::Route& route, const Upstream& upstream) {
    const auto& methods = route.match.methods;
    const bool never = !methods.empty() && std::ranges::none_of(methods, http::is_idempotent);
    if (!route.failover.value_or(false) || !never || !upstream.failover.idempotent_grpc.empty()) {
      return;
    }
    findings_.warn({"routes", index_, "failover"},
                   {fmt::format("routes[{}]: {} is not sent twice without an Idempotency-Key; "
                                "failover serves only what was never sent",
                                index_, http::name_of(methods.front())),
                    ""});
  }

  void name(const policy::Route& route) {
    if (route.name.empty()) return;
    const auto [before, fresh] = route_names_.emplace(route.name, index_);
    if (fresh) return;
    findings_.error({"routes", index_, "name"},
                    {fmt::format("routes[{}].name: routes[{}] is called \"{}\" already", index_,
                                 before->second, route.name),
                     ""});
  }

  // Routes with the same host, path and fields differ by their methods only, and the first one
  // that lists a method takes it.
  void shadow(const policy::Route& route) {
    std::vector<std::string> fields;
    for (const auto& field : route.match.fields) {
      fields.push_back(fmt::format("\n{:d}{}\n{}", static_cast<int>(field.where), field.name,
                                   value_pattern_codec().print(&field.value)));
    }
    for (const auto& caller : route.match.callers) {
      fields.push_back("\ncaller\n" + value_pattern_codec().print(&caller));
    }
    std::ranges::sort(fields);
    Taken& taken =
        taken_[fmt::format("{}\n{}{}", host_pattern_codec().print(&route.match.host),
                           path_pattern_codec().print(&route.match.path), fmt::join(fields, ""))];
    if (const std::size_t before = taken.by(route.match.methods); before != nobody) {
      findings_.error({"routes", index_}, {"routes", before},
                      {fmt::format("routes[{}] can never match: routes[{}] takes the same requests",
                                   index_, before),
                       ""});
    }
    if (route.match.methods.empty()) taken.all = std::min(taken.all, index_);
    for (const auto method : route.match.methods) taken.by_method.emplace(method, index_);
  }

  void unused() {
    if (!service_.outbound) return;
    const ByName by_name{service_};
    for (const auto& listener : service_.outbound->tcp) used_.insert(listener.to);
    const bool intercepts = service_.outbound->intercept.mode != policy::Interception::Mode::off;
    for (const Upstream& upstream : service_.upstreams) {
      if (intercepts || used_.contains(upstream.name) || by_name.reaches(upstream.name)) continue;
      findings_.warn({"upstreams", upstream.name},
                     {fmt::format("no route leads to upstream \"{}\"", upstream.name), ""});
    }
  }

  static constexpr std::size_t nobody = ~std::size_t{0};
  struct Taken {
    std::size_t all = nobody;
    std::unordered_map<http::Method, std::size_t> by_method;

    // A route that takes every request with these methods.
    std::size_t by(const std::vector<http::Method>& methods) const {
      if (methods.empty()) return all;
      const auto gone = [&](http::Method method) { return by_method.contains(method); };
      return std::ranges::all_of(methods, gone) ? by_method.at(methods.front()) : nobody;
    }
  };

  const policy::Service& service_;
  Findings& findings_;
  std::unordered_map<std::string_view, const Upstream*> upstreams_;
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, std::size_t> route_names_;
  std::unordered_map<std::string, Taken> taken_;
  std::unordered_set<std::string_view> used_;
  std::size_t index_ = 0;
  std::size_t rule_ = 0;
};

}  // namespace

void lint_routes(const policy::Service& service, Findings& findings) {
  RouteLint{service, findings}.run();
}

}  // namespace weir::config
