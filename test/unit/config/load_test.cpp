// What a good file says, and what follows from it unsaid.
#include "weir/config/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/repository.h"
#include "weir/config/effective.h"
#include "weir/config/schema.h"

namespace weir::config {
namespace {

using namespace std::chrono_literals;

std::string content(const std::filesystem::path& path) {
  std::ifstream stream{path};
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::optional<std::string> environment(const std::string& name) {
  if (name == "PORT") return "8080";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

Loaded load(std::string_view text) {
  auto loaded = load_text(text, "test.yaml", environment);
  if (loaded) return std::move(*loaded);
  for (const auto& problem : loaded.error()) ADD_FAILURE() << format(problem);
  return {};
}

std::vector<std::string> names(const policy::Service& service) {
  std::vector<std::string> result;
  for (const auto& route : service.routes) result.push_back(route.name);
  return result;
}

constexpr std::string_view two_upstreams =
    "service: { name: a }\n"
    "outbound: { listen: 127.0.0.1:1 }\n"
    "upstreams:\n"
    "  catalog: { endpoints: [{ address: 10.0.0.4:80 }] }\n"
    "  prices: { endpoints: [{ address: 10.0.0.5:80 }] }\n";

TEST(Example, loads_without_a_warning_and_comes_back_from_its_effective_form) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{repository() / "config"}) {
    const bool of_prometheus = entry.path().filename() == "alerts.yaml";
    if (entry.path().extension() != ".yaml" || of_prometheus) continue;
    ++count;
    SCOPED_TRACE(entry.path());
    const Loaded loaded = load(content(entry.path()));
    EXPECT_TRUE(loaded.warnings.empty());
    const std::string effective = effective_yaml(loaded.service);
    EXPECT_EQ(effective_yaml(load(effective).service), effective);
  }
  EXPECT_GE(count, 5);
}

TEST(Schema, is_the_committed_one) {
  EXPECT_TRUE(json_schema() == content(repository() / "config/schema.json"))
      << "run: weir schema > config/schema.json";
}

TEST(Reference, is_the_committed_one) {
  EXPECT_EQ(reference(), content(repository() / "docs/configuration.md"));
}

TEST(Load, reads_what_the_example_says) {
  const Loaded loaded = load(content(repository() / "config/orders.yaml"));
  const policy::Service& service = loaded.service;
  EXPECT_EQ(service.identity.zone, "eu-west-1a");
  EXPECT_EQ(service.inbound->budget.maximum, 2s);
  ASSERT_EQ(service.upstreams.size(), 1U);
  const policy::Upstream& catalog = service.upstreams[0];
  EXPECT_EQ(catalog.endpoints[1].address.text(), "10.0.0.9:8080");
  EXPECT_EQ(catalog.connect_timeout, 100ms);
  EXPECT_EQ(catalog.failover.on,
            (std::vector{policy::FailoverOn::connect_failure, policy::FailoverOn::reset,
                         policy::FailoverOn::timeout, policy::FailoverOn::status_503}));
  EXPECT_DOUBLE_EQ(catalog.failover.ratio.value, 0.1);
  const policy::Route& route = service.routes[0];
  EXPECT_EQ(route.match.path, (policy::Pattern{policy::Pattern::Kind::prefix, "/v1/"}));
  EXPECT_EQ(route.versions[0].when->name, "x-cohort");
  EXPECT_EQ(route.versions[1].split[1].version, "v2");
  EXPECT_EQ(route.versions[1].sticky.name, "x-user-id");
  EXPECT_EQ(route.fallback->body, "[]");
  EXPECT_EQ(names(service), (std::vector<std::string>{"catalog/v1/*", "catalog"}));
}

TEST(Load, reads_what_the_example_of_a_grpc_service_says) {
  const policy::Service service = load(content(repository() / "config/grpc.yaml")).service;
  EXPECT_EQ(service.inbound->upstream.protocol, policy::Protocol::http_2);
  EXPECT_EQ(service.inbound->limits.streams, 256U);
  const policy::Upstream& stock = service.upstreams[0];
  EXPECT_EQ(stock.protocol, policy::Protocol::http_2);
  EXPECT_EQ(stock.pool.streams, 100U);
  EXPECT_EQ(stock.failover.idempotent_grpc[1], "/shop.Stock/List");
  ASSERT_TRUE(stock.health);
  EXPECT_EQ(stock.health->kind, policy::HealthCheck::Kind::grpc);
  EXPECT_EQ(stock.health->service, "shop.Stock");
  EXPECT_EQ(stock.health->timeout, 500ms);
}

TEST(Load, checks_an_endpoint_by_http_or_by_grpc_as_the_key_says) {
  const struct {
    std::string_view written;
    policy::HealthCheck::Kind kind;
    std::string_view what;
  } cases[] = {{"path: /healthz", policy::HealthCheck::Kind::http, "/healthz"},
               {"path: '/ready?deep=1'", policy::HealthCheck::Kind::http, "/ready?deep=1"},
               {"grpc: my.Service", policy::HealthCheck::Kind::grpc, "my.Service"},
               {"grpc: \"\"", policy::HealthCheck::Kind::grpc, ""}};
  for (const auto& [written, kind, what] : cases) {
    SCOPED_TRACE(written);
    const auto once = load(
        "service: { name: a }\noutbound: { listen: 127.0.0.1:1 }\nupstreams:\n"
        "  a: { endpoints: [{ address: 10.0.0.4:80 }], health: { " +
        std::string{written} + " } }\n");
    ASSERT_EQ(once.service.upstreams.size(), 1U);
    const std::string effective = effective_yaml(once.service);
    for (const auto& service : {once.service, load(effective).service}) {
      ASSERT_TRUE(service.upstreams[0].health);
      const policy::HealthCheck& health = *service.upstreams[0].health;
      EXPECT_EQ(health.kind, kind);
      EXPECT_EQ(kind == policy::HealthCheck::Kind::grpc ? health.service : health.path, what);
    }
  }
}

TEST(Load, makes_the_application_an_upstream_that_is_called_plainly) {
  const Loaded loaded = load(content(repository() / "config/minimal.yaml"));
  const policy::Upstream& application = loaded.service.inbound->upstream;
  EXPECT_EQ(application.name, "application");
  ASSERT_EQ(application.endpoints.size(), 1U);
  EXPECT_EQ(application.endpoints[0].address.text(), "127.0.0.1:8080");
  EXPECT_FALSE(application.failover.enabled || application.breaker.enabled ||
               application.ejection.enabled);
}

TEST(Load, makes_every_upstream_reachable_by_its_name) {
  EXPECT_EQ(names(load(two_upstreams).service), (std::vector<std::string>{"catalog", "prices"}));
}

TEST(Load, lets_a_written_route_whose_host_covers_a_name_go_before_that_name) {
  const Loaded loaded = load(std::string{two_upstreams} + "routes: [{ to: catalog }]\n");
  EXPECT_EQ(names(loaded.service), (std::vector<std::string>{"any"}));
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_EQ(loaded.warnings[0].message, "no route leads to upstream \"prices\"");
}

TEST(Load, names_routes_after_their_match_and_keeps_names_apart) {
  const Loaded loaded =
      load(std::string{two_upstreams} +
           "routes:\n"
           "  - { match: { host: catalog, path: /a }, to: catalog }\n"
           "  - { match: { host: catalog, path: /a, method: GET }, to: catalog }\n"
           "  - { match: { host: catalog, path: /a, headers: { b: c } }, "
           "to: catalog }\n"
           "  - { name: catalog, match: { host: x }, to: catalog }\n");
  EXPECT_EQ(names(loaded.service),
            (std::vector<std::string>{"catalog/a", "GET catalog/a", "catalog/a#2", "catalog",
                                      "catalog#2", "prices"}));
}

TEST(Load, fills_values_from_the_environment_but_never_structure) {
  const Loaded loaded = load(
      "service: { name: \"${NAME:-or}ders\", zone: '${EMPTY}', version: \"$${PORT} ${EMPTY:-x}\" "
      "}\n"
      "inbound:\n"
      "  listen: 0.0.0.0:${PORT}\n"
      "  application: \"127.0.0.1:1\"\n"
      "process: { workers: \"${WORKERS:-3}\" }\n");
  EXPECT_EQ(loaded.service.identity.name, "orders");
  EXPECT_EQ(loaded.service.identity.zone, "");
  EXPECT_EQ(loaded.service.identity.version, "${PORT} x");
  EXPECT_EQ(loaded.service.inbound->listen.port(), 8080);
  EXPECT_EQ(loaded.service.process.workers, 3U);
}

TEST(Load, takes_byte_order_marks_and_carriage_returns) {
  const Loaded loaded = load(
      "\xEF\xBB\xBFservice: { name: a }\r\ninbound:\r\n  listen: 0.0.0.0:1\r\n"
      "  application: 127.0.0.1:2\r\n");
  EXPECT_EQ(loaded.service.inbound->application.text(), "127.0.0.1:2");
}

TEST(Load, warns_of_what_is_allowed_and_unwise) {
  const Loaded loaded = load(
      "service: { name: a }\n"
      "admin: { listen: 0.0.0.0:9901 }\n"
      "outbound: { listen: 127.0.0.1:1, trusted: false }\n"
      "upstreams:\n"
      "  catalog: { endpoints: [{ address: 10.0.0.4:80 }], failover: { ratio: 5% } }\n"
      "routes:\n"
      "  - { match: { host: catalog, method: POST }, to: catalog, failover: on }\n");
  std::vector<int> lines;
  for (const auto& warning : loaded.warnings) lines.push_back(warning.line);
  EXPECT_EQ(lines, (std::vector<int>{2, 3, 3, 5, 7}));
}

TEST(Load, warns_of_an_outbound_listener_without_upstreams_unless_calls_pass_through) {
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"", 1},
      {", intercept: { mode: redirect, unmatched: refuse }", 1},
      {", intercept: redirect", 0},
  };
  for (const auto& [intercept, warnings] : cases) {
    const Loaded loaded = load("service: { name: a }\noutbound: { listen: 127.0.0.1:1" +
                               std::string{intercept} + " }\n");
    EXPECT_EQ(loaded.warnings.size(), warnings) << intercept;
  }
}

TEST(Effective, keeps_texts_that_look_like_something_else) {
  const std::string_view text =
      "service: { name: \"no\", version: \"010\", zone: \"a: ${EMPTY:-b} # \\\"c\\\"\" }\n"
      "outbound: { listen: '[::1]:1' }\n"
      "upstreams:\n"
      "  on: { endpoints: [{ address: '[2001:db8::1]:80', labels: { \"~\": \"null\", e: \"\" } }] "
      "}\n"
      "routes:\n"
      "  - match: { host: '*.x', headers: { a: '*', b: '*c' }, cookies: { d: e* } }\n"
      "    to: 'on'\n"
      "    fallback: { body: \"line\\n$${NAME} $$${X} \\t\" }\n";
  const policy::Service once = load(text).service;
  const policy::Service twice = load(effective_yaml(once)).service;
  EXPECT_EQ(effective_yaml(twice), effective_yaml(once));
  EXPECT_EQ(twice.identity.version, "010");
  EXPECT_EQ(twice.identity.zone, "a: b # \"c\"");
  EXPECT_EQ(twice.routes[0].fallback->body, "line\n${NAME} $${X} \t");
  EXPECT_EQ(twice.upstreams[0].endpoints[0].labels.at("~"), "null");
}

}  // namespace
}  // namespace weir::config
