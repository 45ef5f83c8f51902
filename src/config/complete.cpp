#include "complete.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "scalar.h"

namespace weir::config {
namespace {

using policy::Pattern;

// catalog/v1/*; with the method before it where that alone is not unique.
std::string made_name(const policy::Match& match) {
  std::string name;
  if (match.host.kind != Pattern::Kind::any) name += host_pattern_codec().print(&match.host);
  if (match.path.kind != Pattern::Kind::any) name += path_pattern_codec().print(&match.path);
  return name.empty() ? "any" : name;
}

class Names {
 public:
  explicit Names(const std::vector<policy::Route>& routes) {
    for (const auto& route : routes) taken_.insert(route.name);
  }

  std::string unique(const policy::Match& match) {
    std::string name = made_name(match);
    if (taken_.insert(name).second) return name;
    if (!match.methods.empty()) {
      std::vector<std::string_view> methods;
      for (const auto method : match.methods) methods.push_back(http::name_of(method));
      std::string with_method = fmt::format("{} {}", fmt::join(methods, "|"), name);
      if (taken_.insert(with_method).second) return with_method;
    }
    for (std::size_t& count = counts_[name];;) {
      std::string numbered = fmt::format("{}#{}", name, ++count + 1);
      if (taken_.insert(numbered).second) return numbered;
    }
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> counts_;
};

// Takes every request to that host.
bool takes_all(const policy::Route& route, std::string_view host) {
  const policy::Match& match = route.match;
  return match.host == Pattern{Pattern::Kind::exact, std::string{host}} &&
         match.path.kind == Pattern::Kind::any && match.methods.empty() && match.fields.empty() &&
         match.callers.empty();
}

}  // namespace

ByName::ByName(const policy::Service& service)
    : enabled_(service.outbound && service.outbound->by_name) {
  for (const auto& route : service.routes) {
    const Pattern& host = route.match.host;
    if (host.kind == Pattern::Kind::exact) continue;
    if (std::ranges::find(covering_, host) == covering_.end()) covering_.push_back(host);
  }
}

bool ByName::reaches(std::string_view upstream) const {
  return enabled_ && std::ranges::none_of(covering_, [&](const Pattern& pattern) {
           return pattern.matches(upstream);
         });
}

void complete_values(policy::Service& service) {
  if (service.inbound) {
    policy::Endpoint application;
    application.address = service.inbound->application;
    service.inbound->upstream.endpoints = {std::move(application)};
  }
  for (auto& route : service.routes) {
    if (!route.fallback) continue;
    const bool fixed = route.fallback->upstream.empty();
    route.fallback->kind =
        fixed ? policy::Fallback::Kind::static_response : policy::Fallback::Kind::upstream;
  }
}

void complete_routes(policy::Service& service) {
  Names names{service.routes};
  std::unordered_set<std::string_view> whole;  // hosts that a written route takes entirely
  for (auto& route : service.routes) {
    if (route.name.empty()) route.name = names.unique(route.match);
    if (takes_all(route, route.match.host.text)) whole.insert(route.match.host.text);
  }
  std::vector<policy::Route> more;
  const ByName by_name{service};
  for (const auto& upstream : service.upstreams) {
    if (!by_name.reaches(upstream.name) || whole.contains(upstream.name)) continue;
    policy::Route& route = more.emplace_back();
    route.match.host = {Pattern::Kind::exact, upstream.name};
    route.name = names.unique(route.match);
    route.to = upstream.name;
  }
  std::ranges::move(more, std::back_inserter(service.routes));
}

}  // namespace weir::config
