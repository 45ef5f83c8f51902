#include "weir/route/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "weir/base/random.h"

namespace weir::route {
namespace {

using http::Method;
using policy::FieldMatch;
using policy::Pattern;

// `/v1/*`, `*.internal`, `*`, or the exact text: the notation of the YAML file.
Pattern pattern(std::string_view text) {
  if (text == "*") return {};
  if (text.ends_with('*'))
    return {Pattern::Kind::prefix, std::string{text.substr(0, text.size() - 1)}};
  if (text.starts_with('*')) return {Pattern::Kind::suffix, std::string{text.substr(1)}};
  return {Pattern::Kind::exact, std::string{text}};
}

policy::Route make_route(std::string_view host, std::string_view path,
                         std::vector<Method> methods = {}, std::vector<FieldMatch> fields = {}) {
  policy::Route route;
  route.match = {pattern(host), pattern(path), std::move(methods), std::move(fields), {}};
  return route;
}

http::RequestHead make_request(Method method, std::string_view authority, std::string_view target) {
  http::RequestHead request;
  request.method = method;
  request.authority = authority;
  request.target = target;
  return request;
}

// What the header promises, written as directly as possible: sort by specificity, take the first.
std::optional<std::size_t> find_naively(const std::vector<policy::Route>& routes,
                                        const http::RequestHead& request) {
  const auto rank = [](const Pattern& pattern, bool host) {
    switch (pattern.kind) {
      case Pattern::Kind::exact: return 0;
      case Pattern::Kind::suffix: return host ? 1 : 2;
      case Pattern::Kind::prefix: return host ? 2 : 1;
      case Pattern::Kind::any: return 3;
    }
    return 4;
  };
  const auto prefix_holds = [](std::string_view text, std::string_view path) {
    if (text.ends_with('/')) text.remove_suffix(1);
    return path.starts_with('/') && (path == text || path.starts_with(std::string{text} + "/"));
  };
  std::vector<std::size_t> order(routes.size());
  for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
  const auto key = [&](std::size_t index) {
    const auto& match = routes[index].match;
    const auto length = [](const Pattern& pattern) {
      return -static_cast<int>(pattern.text.size());
    };
    return std::tuple{rank(match.host, true),
                      length(match.host),
                      rank(match.path, false),
                      length(match.path),
                      match.methods.empty() && match.fields.empty(),
                      index};
  };
  std::ranges::sort(order, {}, key);
  for (const std::size_t index : order) {
    const auto& match = routes[index].match;
    const std::string host = request.authority.substr(0, request.authority.rfind(':'));
    if (!match.host.matches(host)) continue;
    if (match.path.kind == Pattern::Kind::prefix ? !prefix_holds(match.path.text, request.path())
                                                 : !match.path.matches(request.path())) {
      continue;
    }
    if (!match.methods.empty() && std::ranges::count(match.methods, request.method) == 0) continue;
    if (std::ranges::all_of(match.fields,
                            [&](const auto& field) { return holds(field, request); })) {
      return index;
    }
  }
  return std::nullopt;
}

TEST(Table, takes_the_most_specific_route) {
  const std::vector<policy::Route> routes{
      make_route("*", "*"),                            // 0
      make_route("catalog", "*"),                      // 1
      make_route("catalog", "/v1/*"),                  // 2
      make_route("catalog", "/v1/items/*"),            // 3
      make_route("catalog", "/v1/items/7"),            // 4
      make_route("*.internal", "/*"),                  // 5
      make_route("*.eu.internal", "/v1/*"),            // 6
      make_route("catalog", "/v1/*", {Method::post}),  // 7
      make_route("Orders", "/v1/*"),                   // 8
      make_route("[::1]", "/only"),                    // 9
      make_route("orders", "*.png"),                   // 10
      make_route("api-*", "/*"),                       // 11
  };
  const Table table{routes};
  struct Case {
    Method method;
    std::string_view authority;
    std::string_view target;
    std::size_t route;
  };
  const Case cases[] = {
      {Method::get, "other", "/", 0},
      {Method::options, "other", "*", 0},
      {Method::connect, "other:443", "", 0},
      {Method::get, "catalog", "/", 1},
      {Method::get, "catalog:8080", "/v1/x", 2},
      {Method::get, "catalog", "/v1/", 2},
      {Method::get, "catalog", "/v1", 2},
      {Method::get, "catalog", "/v1?q=/v1/items/7", 2},
      {Method::get, "catalog", "/v1x", 1},
      {Method::get, "catalog", "/v1/items/8/9", 3},
      {Method::get, "catalog", "/v1/items/7?a=b", 4},
      {Method::get, "catalog", "/v1/items/7/", 3},
      {Method::get, "catalog", "/v1/../v1/items/7", 2},  // never normalised
      {Method::get, "catalog", "/v1%2fitems/7", 1},      // nor decoded
      {Method::post, "catalog", "/v1/x", 7},
      {Method::post, "catalog", "/v1/items/x", 3},  // the longer prefix comes first
      {Method::get, "a.internal", "/v1/x", 5},
      {Method::get, "a.eu.internal", "/v1/x", 6},
      {Method::get, "a.eu.internal", "/v2/x", 5},  // gives way to the next specific host
      {Method::get, "eu.internal", "/v1/x", 5},
      {Method::get, "internal", "/v1/x", 0},
      {Method::options, "a.internal", "*", 0},  // `/*` does not take `*`
      {Method::get, "orders", "/v1/logo.png", 8},
      {Method::get, "orders", "/v2/logo.png", 10},
      {Method::get, "[::1]:80", "/only", 9},
      {Method::get, "[::1]", "/only", 9},
      {Method::get, "api-eu:80", "/x", 11},
  };
  for (const auto& [method, authority, target, route] : cases) {
    const auto request = make_request(method, authority, target);
    EXPECT_EQ(table.find(request), route) << authority << " " << target;
  }
}

TEST(Table, asks_for_every_field_before_it_takes_a_route) {
  const FieldMatch beta{FieldMatch::Where::header, "x-cohort", pattern("beta")};
  const FieldMatch staff{FieldMatch::Where::cookie, "role", pattern("staff")};
  const FieldMatch present{FieldMatch::Where::header, "user-agent", {}};
  const std::vector<policy::Route> routes{
      make_route("catalog", "/*"),
      make_route("catalog", "/*", {}, {beta, staff}),
      make_route("catalog", "/*", {}, {beta}),
      make_route("catalog", "/*", {}, {present}),
  };
  const Table table{routes};
  auto request = make_request(Method::get, "catalog", "/");
  EXPECT_EQ(table.find(request), 0U);
  request.fields.add("User-Agent", "");
  EXPECT_EQ(table.find(request), 3U);
  request.fields.add("X-Cohort", "beta");
  EXPECT_EQ(table.find(request), 2U);
  request.fields.add("Cookie", "a=b; role=staff");
  EXPECT_EQ(table.find(request), 1U);
}

TEST(Table, finds_nothing_where_nothing_fits) {
  EXPECT_EQ(Table{{}}.find(make_request(Method::get, "catalog", "/")), std::nullopt);
  const std::vector<policy::Route> routes{make_route("catalog", "/v1/*", {Method::get}),
                                          make_route("catalog", "v2/*")};
  const Table table{routes};
  EXPECT_EQ(table.find(make_request(Method::get, "catalog", "/")), std::nullopt);
  EXPECT_EQ(table.find(make_request(Method::put, "catalog", "/v1/x")), std::nullopt);
  EXPECT_EQ(table.find(make_request(Method::get, "catalog.", "/v1/x")), std::nullopt);
  EXPECT_EQ(table.find(make_request(Method::get, "", "/v1/x")), std::nullopt);
  EXPECT_EQ(table.find(make_request(Method::get, "catalog", "/v2/x")), std::nullopt);
}

TEST(Table, agrees_with_a_linear_search_over_random_routes) {
  const std::vector<std::string> hosts{"a", "b", "*.c", "*.b.c", "*c", "a.*", "*", "x.b.c"};
  const std::vector<std::string> paths{"/",  "/a",  "/a/b", "/a/*",  "/a/b/*",   "/*",    "*",
                                       "*b", "*/b", "/b/*", "/a//*", "/a/b/c/*", "/a/b/", "/ab/*"};
  const std::vector<std::string> authorities{"a",     "b:80",  "x.c", "x.b.c",
                                             "y.b.c", "a.b.c", "z",   "c"};
  const std::vector<std::string> targets{"/",      "/a",       "/a/",   "/a/b",     "/a/b/",
                                         "/a/b/c", "/a/b/c/d", "/a//b", "/b/c",     "/ab/b",
                                         "*",      "",         "//",    "/a/b?x=/b"};
  const std::vector<Method> methods{Method::get, Method::post};
  Random random{20261121};
  const auto any_of = [&](const auto& list) { return list[random.below(list.size())]; };
  for (int round = 0; round < 300; ++round) {
    std::vector<policy::Route> routes;
    for (std::uint64_t count = random.below(24); count > 0; --count) {
      auto route = make_route(any_of(hosts), any_of(paths));
      if (random.chance(percent(30))) route.match.methods = {any_of(methods)};
      if (random.chance(percent(30))) {
        route.match.fields = {{FieldMatch::Where::header, "x-a", pattern("1")}};
      }
      routes.push_back(std::move(route));
    }
    const Table table{routes};
    for (int call = 0; call < 100; ++call) {
      auto request = make_request(any_of(methods), any_of(authorities), any_of(targets));
      if (random.chance(percent(50))) request.fields.add("x-a", "1");
      ASSERT_EQ(table.find(request), find_naively(routes, request))
          << "round " << round << ": " << request.authority << " " << request.target;
    }
  }
}

TEST(Table, a_route_for_some_callers_is_nobody_elses_and_comes_before_one_for_all) {
  std::vector<policy::Route> routes{make_route("catalog", "/v1/*"), make_route("catalog", "/v1/*"),
                                    make_route("catalog", "/v1/*")};
  routes[1].match.callers = {pattern("spiffe://example.org/checkout"),
                             pattern("spiffe://example.org/ops/*")};
  routes[2].match.callers = {pattern("spiffe://example.org/*")};
  const Table table{routes};
  EXPECT_TRUE(table.asks_for_caller());
  const auto request = make_request(Method::get, "catalog", "/v1/x");
  EXPECT_EQ(table.find(request, "spiffe://example.org/checkout"), 1U);
  EXPECT_EQ(table.find(request, "spiffe://example.org/ops/a"), 1U);
  EXPECT_EQ(table.find(request, "spiffe://example.org/billing"), 2U);
  EXPECT_EQ(table.find(request, "spiffe://example.com/checkout"), 0U);
  EXPECT_EQ(table.find(request), 0U);
  EXPECT_FALSE(Table{std::span{routes}.first(1)}.asks_for_caller());
}

}  // namespace
}  // namespace weir::route
