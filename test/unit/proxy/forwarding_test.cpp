#include "weir/proxy/forwarding.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

using policy::Forwarding;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using List = std::vector<std::pair<std::string, std::string>>;

const Address caller = Address::v4({10, 0, 0, 9}, 40'000);

http::Fields fields_of(const List& list) {
  http::Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  return fields;
}

List list_of(const http::Fields& fields) {
  List list;
  fields.for_each([&](const http::Field& field) { list.emplace_back(field.name, field.value); });
  return list;
}

policy::Listener listener_with(Forwarding forwarded) {
  policy::Listener listener;
  listener.forwarded = forwarded;
  listener.via = false;
  return listener;
}

List forwarded(const List& list, const policy::Listener& listener, const Address& from = caller) {
  http::RequestHead head;
  head.authority = "catalog:8080";
  head.fields = fields_of(list);
  forward_request(head, listener, from);
  return list_of(head.fields);
}

TEST(ForwardRequest, tells_of_the_caller_by_policy) {
  const List came{{"X-Forwarded-For", "203.0.113.5"}, {"X-Forwarded-For", "10.0.0.2"},
                  {"X-Forwarded-Proto", "https"},     {"X-Forwarded-Host", "shop.example"},
                  {"Forwarded", "for=203.0.113.5"},   {"Accept", "*/*"}};
  struct Case {
    Forwarding policy;
    List sent;
  };
  const Case cases[] = {
      {Forwarding::preserve, came},
      {Forwarding::remove, {{"Accept", "*/*"}}},
      {Forwarding::replace,
       {{"Accept", "*/*"},
        {"x-forwarded-for", "10.0.0.9"},
        {"x-forwarded-proto", "http"},
        {"x-forwarded-host", "catalog:8080"}}},
      {Forwarding::append,
       {{"X-Forwarded-Proto", "https"},
        {"X-Forwarded-Host", "shop.example"},
        {"Accept", "*/*"},
        {"forwarded", "for=203.0.113.5, for=10.0.0.9;proto=http"},
        {"x-forwarded-for", "203.0.113.5, 10.0.0.2, 10.0.0.9"}}},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(forwarded(came, listener_with(one.policy)), one.sent) << static_cast<int>(one.policy);
  }
}

TEST(ForwardRequest, begins_the_lists_where_nothing_came) {
  EXPECT_EQ(forwarded({}, listener_with(Forwarding::append)),
            (List{{"x-forwarded-for", "10.0.0.9"},
                  {"x-forwarded-proto", "http"},
                  {"x-forwarded-host", "catalog:8080"}}));
  for (const Forwarding policy : {Forwarding::remove, Forwarding::preserve}) {
    EXPECT_EQ(forwarded({}, listener_with(policy)), List{});
  }
}

// RFC 7239, 6: an IPv6 address stands in brackets and quotes; X-Forwarded-For never had them.
TEST(ForwardRequest, writes_ipv6_callers_as_each_field_wants_them) {
  const auto list =
      forwarded({{"Forwarded", "for=a"}, {"X-Forwarded-For", ""}},
                listener_with(Forwarding::append), *Address::parse("[2001:db8::1]:9"));
  const auto fields = fields_of(list);
  EXPECT_EQ(fields.find("forwarded"), "for=a, for=\"[2001:db8::1]\";proto=http");
  EXPECT_EQ(fields.find("x-forwarded-for"), "2001:db8::1");
}

TEST(ForwardRequest, via_names_the_version_that_was_received) {
  struct Case {
    http::Version version;
    std::string_view via;
  };
  for (const Case& one : {Case{http::Version::http_1_0, "1.0 weir"},
                          {http::Version::http_1_1, "1.1 weir"},
                          {http::Version::http_2, "2 weir"}}) {
    http::RequestHead head;
    head.version = one.version;
    head.fields.add("Via", "1.1 other");
    forward_request(head, policy::Listener{}, caller);
    ASSERT_EQ(head.fields.count(http::Name::via), 2U);  // RFC 9110, 7.6.3: behind those before
    EXPECT_EQ(head.fields.find(http::Name::via), "1.1 other");
    head.fields.for_each([&](const http::Field& field) {
      if (field.id == http::Name::via && field.value != "1.1 other") {
        EXPECT_EQ(field.value, one.via);
      }
    });
  }
}

TEST(ForwardRequest, marks_and_grants_are_believed_only_behind_the_trust_boundary) {
  const List marks{{"weir-attempt", "2"},
                   {"weir-budget-ms", "100"},
                   {"weir-criticality", "high"},
                   {"weir-failover", "spent"},
                   {"grpc-previous-rpc-attempts", "1"},
                   {"x-envoy-attempt-count", "2"},
                   {"x-envoy-expected-rq-timeout-ms", "100"}};
  auto listener = listener_with(Forwarding::preserve);
  EXPECT_EQ(forwarded(marks, listener), marks);
  listener.trusted = false;
  EXPECT_EQ(forwarded(marks, listener), List{});
  // What gRPC itself promises to its callee is theirs.
  const List grpc{{"grpc-timeout", "1S"}, {"te", "trailers"}};
  EXPECT_EQ(forwarded(grpc, listener), grpc);
}

TEST(ForwardRequest, a_grpc_call_keeps_its_type_and_takes_trailers) {
  const List call{{"content-type", "application/grpc+proto"}, {"te", "trailers"}};
  const auto listener = listener_with(Forwarding::preserve);
  EXPECT_EQ(forwarded(call, listener), call);
  // A client over HTTP/1.1 may have lost it on the way.
  EXPECT_EQ(forwarded({{"content-type", "application/grpc+proto"}}, listener), call);
  const List other{{"content-type", "application/grpc-web"}};
  EXPECT_EQ(forwarded(other, listener), other);
}

TEST(ForwardRequest, ends_what_is_hop_by_hop_and_keeps_an_upgrade_aside) {
  http::RequestHead head;
  head.fields = fields_of({{"Connection", "upgrade, x-hop"},
                           {"Upgrade", "websocket"},
                           {"X-Hop", "1"},
                           {"Expect", "100-continue"},
                           {"Sec-WebSocket-Key", "k"}});
  head.upgrade = "websocket";
  head.expects_continue = true;
  forward_request(head, listener_with(Forwarding::preserve), caller);
  EXPECT_EQ(list_of(head.fields), (List{{"Sec-WebSocket-Key", "k"}}));
  EXPECT_EQ(head.upgrade, "websocket");
  EXPECT_FALSE(head.expects_continue);
}

TEST(MarkAttempt, tells_what_is_left_and_which_attempt_it_is) {
  http::RequestHead head;
  head.fields.add("weir-budget-ms", "9000");
  mark_attempt(head, {milliseconds{250} + microseconds{900}}, AttemptNumber::first);
  EXPECT_EQ(list_of(head.fields), (List{{"weir-budget-ms", "250"}}));
  mark_attempt(head, {milliseconds{100}}, AttemptNumber::second);
  EXPECT_EQ(list_of(head.fields), (List{{"weir-budget-ms", "100"}, {"weir-attempt", "2"}}));
}

TEST(MarkAttempt, speaks_to_grpc_in_its_own_words) {
  http::RequestHead head;
  head.fields.add("content-type", "application/grpc");
  mark_attempt(head, {milliseconds{250}, milliseconds{250}}, AttemptNumber::first);
  EXPECT_EQ(list_of(head.fields), (List{{"content-type", "application/grpc"},
                                        {"weir-budget-ms", "250"},
                                        {"grpc-timeout", "250000u"}}));
  mark_attempt(head, {milliseconds{100}, milliseconds{100}}, AttemptNumber::second);
  EXPECT_EQ(list_of(head.fields), (List{{"content-type", "application/grpc"},
                                        {"weir-budget-ms", "100"},
                                        {"grpc-timeout", "100000u"},
                                        {"weir-attempt", "2"},
                                        {"grpc-previous-rpc-attempts", "1"}}));
}

TEST(MarkAttempt, a_first_attempt_hands_on_the_mark_that_came) {
  http::RequestHead head;
  head.fields.add("weir-attempt", "2");
  mark_attempt(head, {milliseconds{100}}, AttemptNumber::first);
  EXPECT_EQ(head.fields.find(http::Name::weir_attempt), "2");
}

TEST(ForwardResponse, adds_via_and_the_mark_of_a_spent_failover) {
  for (const FailoverSpent spent : {FailoverSpent::no, FailoverSpent::yes}) {
    http::ResponseHead head;
    head.fields = fields_of({{"Connection", "close, x-hop"},
                             {"X-Hop", "1"},
                             {"Keep-Alive", "timeout=5"},
                             {"Trailer", "x-told"},
                             {"Server", "instance"}});
    forward_response(head, policy::Listener{}, spent);
    List expected{{"Trailer", "x-told"}, {"Server", "instance"}, {"via", "1.1 weir"}};
    if (spent == FailoverSpent::yes) expected.emplace_back("weir-failover", "spent");
    EXPECT_EQ(list_of(head.fields), expected);
  }
}

TEST(ForwardResponse, marks_a_grpc_response_that_is_trailers_only) {
  struct Case {
    std::string_view status;
    bool marked;
  };
  for (const Case& one : {Case{"14", true}, Case{"0", false}}) {
    http::ResponseHead head;
    head.fields.add(http::Name::grpc_status, one.status);
    forward_response(head, policy::Listener{}, FailoverSpent::no);
    EXPECT_FALSE(head.fields.contains(http::Name::grpc_retry_pushback_ms));
    forward_response(head, policy::Listener{}, FailoverSpent::yes);
    EXPECT_EQ(head.fields.contains(http::Name::grpc_retry_pushback_ms), one.marked);
  }
}

TEST(ForwardResponse, keeps_the_mark_that_was_spent_below) {
  http::ResponseHead head;
  head.fields.add("weir-failover", "spent");
  forward_response(head, listener_with(Forwarding::preserve), FailoverSpent::no);
  EXPECT_EQ(list_of(head.fields), (List{{"weir-failover", "spent"}}));
}

TEST(ForwardRequest, says_how_the_call_crosses_the_network_whatever_was_claimed) {
  for (const auto& [actual, claimed] : {std::pair{"https", "http"}, std::pair{"http", "https"}}) {
    http::RequestHead head;
    head.scheme = claimed;
    head.fields.add("forwarded", "for=203.0.113.5");
    forward_request(head, listener_with(Forwarding::replace), {caller, actual});
    EXPECT_EQ(head.fields.find(http::Name::x_forwarded_proto), actual);
    EXPECT_EQ(head.scheme, actual);
  }
}

TEST(ForwardRequest, believes_no_stranger_s_word_for_scheme_and_host) {
  policy::Listener listener = listener_with(Forwarding::append);
  listener.trusted = false;
  EXPECT_EQ(forwarded({{"X-Forwarded-For", "203.0.113.5"},
                       {"X-Forwarded-Proto", "https"},
                       {"X-Forwarded-Host", "bank.example"}},
                      listener),
            (List{{"x-forwarded-for", "203.0.113.5, 10.0.0.9"},
                  {"x-forwarded-proto", "http"},
                  {"x-forwarded-host", "catalog:8080"}}));
}

TEST(TellIdentity, nobody_speaks_for_himself) {
  struct Case {
    std::string_view header;
    std::string_view identity;
    List told;
  };
  const List came{
      {"X-Weir-Identity", "a"},         {"x_weir_identity", "b"}, {"x-forwarded-client-cert", "c"},
      {"X_Forwarded-Client_Cert", "d"}, {"Accept", "*/*"},        {"X.WEIR~identity", "e"}};
  const Case cases[] = {
      {"x-weir-identity",
       "spiffe://example.org/x",
       {{"Accept", "*/*"}, {"x-weir-identity", "spiffe://example.org/x"}}},
      {"x-weir-identity", "", {{"Accept", "*/*"}}},
      {"",
       "spiffe://example.org/x",
       {{"X-Weir-Identity", "a"},
        {"x_weir_identity", "b"},
        {"Accept", "*/*"},
        {"X.WEIR~identity", "e"}}},
      {"accept",
       "spiffe://example.org/x",
       {{"X-Weir-Identity", "a"},
        {"x_weir_identity", "b"},
        {"X.WEIR~identity", "e"},
        {"accept", "spiffe://example.org/x"}}},
  };
  for (const Case& one : cases) {
    http::Fields fields = fields_of(came);
    EXPECT_TRUE(has_claims(fields, one.header));
    tell_identity(fields, one.header, one.identity);
    EXPECT_EQ(list_of(fields), one.told) << one.header;
    remove_claims(fields, one.header);
    EXPECT_FALSE(has_claims(fields, one.header));
  }
}

}  // namespace
}  // namespace weir::proxy
