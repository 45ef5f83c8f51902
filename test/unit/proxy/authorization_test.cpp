#include "weir/proxy/authorization.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>
#include <vector>

namespace weir::proxy {
namespace {

using http::Method;
using policy::Pattern;
using Effect = policy::AuthorizationRule::Effect;

constexpr std::string_view shop = "spiffe://example.org/ns/shop/sa/checkout";
constexpr std::string_view ops = "spiffe://example.org/ns/ops/sa/anybody";

Pattern exactly(std::string_view text) { return {Pattern::Kind::exact, std::string{text}}; }
Pattern below(std::string_view text) { return {Pattern::Kind::prefix, std::string{text}}; }

// deny everybody /internal/*; allow the shop GET /v1/*, operators everything; else deny.
policy::Authorization rules() {
  policy::Authorization rules;
  rules.otherwise = Effect::deny;
  rules.rules = {{Effect::deny, {Pattern{}}, {}, below("/internal/")},
                 {Effect::allow, {exactly(shop)}, {Method::get}, below("/v1/")},
                 {Effect::allow, {below("spiffe://example.org/ns/ops/")}, {}, {}}};
  return rules;
}

TEST(Authorization, the_first_rule_that_fits_decides) {
  struct Case {
    std::string_view caller;
    Method method;
    std::string_view path;
    Effect effect;
    std::optional<std::size_t> rule;
  };
  const Case cases[] = {
      {shop, Method::get, "/v1/x", Effect::allow, 1},
      {shop, Method::get, "/v1", Effect::allow, 1},
      {shop, Method::get, "/v1x", Effect::deny, std::nullopt},
      {shop, Method::get, "/V1/x", Effect::deny, std::nullopt},
      {shop, Method::post, "/v1/x", Effect::deny, std::nullopt},
      {shop, Method::get, "/internal/x", Effect::deny, 0},
      {ops, Method::get, "/internal", Effect::deny, 0},
      {ops, Method::delete_, "/anything", Effect::allow, 2},
      {"", Method::get, "/v1/x", Effect::deny, std::nullopt},
      {"spiffe://example.org.evil/ns/ops/x", Method::get, "/v1/x", Effect::deny, std::nullopt},
      {"spiffe://evil.org/ns/shop/sa/checkout", Method::get, "/v1/x", Effect::deny, std::nullopt},
  };
  for (const Case& one : cases) {
    const auto decision = decide(rules(), {one.caller, one.method, one.path});
    EXPECT_EQ(decision.effect, one.effect) << one.caller << ' ' << one.path;
    EXPECT_EQ(decision.rule, one.rule) << one.caller << ' ' << one.path;
  }
}

TEST(Authorization, a_path_with_two_readings_is_allowed_only_where_every_path_is) {
  for (const std::string_view path :
       {"/v1/../internal/x", "/v1/./x", "/v1/..", "//internal/x", "/v1//x", "/v1/%2e%2e/internal",
        "/%69nternal/x", "/v1/x%2Fy", "/v1/x\\..\\y", "/v1/x;a=b/y", "/v1/%00", "/v1/%zz", "/v1/%2",
        "/v1/%252e", "/v1/%c0%ae%c0%ae/internal", "/v1#/../internal"}) {
    EXPECT_TRUE(is_ambiguous(path)) << path;
    EXPECT_EQ(decide(rules(), {shop, Method::get, path}).effect, Effect::deny) << path;
    EXPECT_EQ(decide(rules(), {ops, Method::get, path}).rule, 0U) << path;
  }
  for (const std::string_view path : {"/", "/v1/", "/v1/x.y", "/v1/...", "/v1/%20", "/v1/%C3%A4",
                                      "*", "/v1/x:y@z", "/package.Service/Method"}) {
    EXPECT_FALSE(is_ambiguous(path)) << path;
  }
}

TEST(Authorization, who_may_not_call_a_path_may_not_call_it_with_a_slash_behind) {
  policy::Authorization rules;
  rules.rules = {{Effect::deny, {}, {}, exactly("/admin")},
                 {Effect::allow, {}, {}, exactly("/open")}};
  rules.otherwise = Effect::deny;
  EXPECT_EQ(decide(rules, {shop, Method::get, "/admin"}).rule, 0U);
  EXPECT_EQ(decide(rules, {shop, Method::get, "/admin/"}).rule, 0U);
  EXPECT_EQ(decide(rules, {shop, Method::get, "/open"}).rule, 1U);
  EXPECT_EQ(decide(rules, {shop, Method::get, "/open/"}).rule, std::nullopt);
}

TEST(Authorization, a_call_that_asks_for_another_method_needs_leave_for_both) {
  struct Case {
    std::string_view name;
    std::string_view value;
    Effect reading;  // where GET alone is allowed
    Effect writing;  // where all but DELETE is allowed
  };
  const Case cases[] = {
      {"accept", "DELETE", Effect::allow, Effect::allow},
      {"x-http-method-override", "GET", Effect::allow, Effect::allow},
      {"X-HTTP-Method-Override", "delete", Effect::deny, Effect::deny},
      {"x_http_method_override", "DELETE", Effect::deny, Effect::deny},
      {"x-http-method", "PUT", Effect::deny, Effect::allow},
      {"x-method-override", "DELETE, x", Effect::deny, Effect::deny},
  };
  policy::Authorization reading;
  reading.otherwise = Effect::deny;
  reading.rules = {{Effect::allow, {}, {Method::get}, {}}};
  policy::Authorization writing;
  writing.rules = {{Effect::deny, {}, {Method::delete_}, {}}};
  for (const Case& one : cases) {
    http::RequestHead head;
    head.fields.add(one.name, one.value);
    const CallFacts facts{shop, Method::get, "/x", method_overrides(head)};
    EXPECT_EQ(decide(reading, facts).effect, one.reading) << one.name << ": " << one.value;
    EXPECT_EQ(decide(writing, facts).effect, one.writing) << one.name << ": " << one.value;
  }
}

TEST(Authorization, a_call_that_names_another_path_is_judged_as_one_that_may_be_read_differently) {
  const auto effect_of = [](std::string_view name) {
    http::RequestHead head;
    head.fields.add(name, "/internal/x");
    CallFacts facts{.caller = shop, .path = "/v1/x"};
    facts.rewritten = rewrites_path(head.fields);
    return decide(rules(), facts).effect;
  };
  EXPECT_EQ(effect_of("accept"), Effect::allow);
  EXPECT_EQ(effect_of("X-Original-URL"), Effect::deny);
  EXPECT_EQ(effect_of("x_rewrite_url"), Effect::deny);
}

TEST(Authorization, a_method_in_small_letters_is_denied_as_it_would_be_in_capitals) {
  policy::Authorization rules;
  rules.rules = {{Effect::deny, {}, {Method::delete_}, {}}};
  const auto effect_of = [&](std::string_view method) {
    http::RequestHead head;
    head.method_text = method;
    head.method = http::parse_method(method);
    return decide(rules, {shop, head.method, "/x", method_overrides(head)}).effect;
  };
  EXPECT_EQ(effect_of("DELETE"), Effect::deny);
  EXPECT_EQ(effect_of("Delete"), Effect::deny);
  EXPECT_EQ(effect_of("PROPFIND"), Effect::allow);
}

TEST(Authorization, behind_connect_nobody_sees_the_paths) {
  EXPECT_EQ(decide(rules(), {ops, Method::connect, ""}).rule, 0U);
  policy::Authorization open;
  open.rules = {{Effect::allow, {}, {}, below("/v1/")}};
  EXPECT_EQ(decide(open, {ops, Method::connect, ""}).rule, std::nullopt);
}

TEST(Authorization, without_rules_everybody_may_do_everything) {
  EXPECT_EQ(decide({}, {"", Method::post, "/x"}).effect, Effect::allow);
  EXPECT_FALSE(guards({}));
  EXPECT_TRUE(guards(rules()));
}

}  // namespace
}  // namespace weir::proxy
