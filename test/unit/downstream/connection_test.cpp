// Which protocol is spoken is found out from the first bytes, however they come.

#include "weir/downstream/connection.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "call.h"

namespace weir::downstream {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view empty_settings{"\0\0\0\4\0\0\0\0\0", 9};

TEST(Connection, finds_http_2_by_its_preface_byte_by_byte) {
  Call call;
  for (const char byte : std::string{preface} + std::string{empty_settings}) call.send({&byte, 1});
  const std::string answer = call.received();
  ASSERT_GE(answer.size(), 9U);
  EXPECT_EQ(answer[3], '\4') << "SETTINGS come first";
  EXPECT_FALSE(call.closed);
}

TEST(Connection, takes_what_tls_has_agreed_upon_at_its_word) {
  for (const std::string_view agreed : {"h2", "http/1.1"}) {
    Call call;
    call.peer.tls.emplace().protocol = agreed;
    call.send("PRI");
    if (agreed == "h2") {
      EXPECT_FALSE(call.received().empty()) << "SETTINGS come at once";
    } else {
      call.send(" * HTTP/2.0\r\n\r\n");
      EXPECT_TRUE(call.received().starts_with("HTTP/1.1 ")) << "a preface is no request";
    }
  }
  Call unsaid;
  unsaid.peer.tls.emplace();
  unsaid.send(preface);
  EXPECT_EQ(unsaid.received().at(3), '\4') << "prior knowledge, under TLS as without";
}

TEST(Connection, tells_its_handler_of_the_tls_session_and_the_destination) {
  Call call;
  EXPECT_EQ(call.connection.destination(), std::nullopt);
  call.send(get);
  ASSERT_NE(call.stream, nullptr);
  EXPECT_EQ(call.stream->tls(), nullptr);
  EXPECT_EQ(call.stream->destination(), std::nullopt);
  net::FakePeer peer;
  peer.tls.emplace().identity = "spiffe://example.org/orders";
  const Address meant = Address::v4({10, 0, 0, 4}, 80);
  Connection intercepted{
      Incoming{peer.connect(), meant}, {call.scheduler, call.random}, call.limits, call, call};
  peer.send(get);
  do call.scheduler.turn(call.scheduler.now());
  while (peer.deliver());
  EXPECT_EQ(call.stream->destination(), meant);
  ASSERT_NE(call.stream->tls(), nullptr);
  EXPECT_EQ(call.stream->tls()->identity, "spiffe://example.org/orders");
}

TEST(Connection, serves_http_1_1_that_begins_as_a_preface_does) {
  Call call;
  call.answers_at_once = true;
  for (const char byte : std::string_view{"PUT /1 HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    call.send({&byte, 1});
  }
  EXPECT_EQ(call.received(), ok("/1"));
}

TEST(Connection, counts_the_budget_from_the_first_byte_also_while_it_is_finding_out) {
  Call call;
  const Instant first_byte = call.scheduler.now();
  call.send("P");
  call.pass(milliseconds{50});
  call.send("UT /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_NE(call.stream, nullptr);
  EXPECT_EQ(call.stream->first_byte(), first_byte);
}

TEST(Connection, refuses_a_preface_that_is_not_finished_in_time) {
  Call call;
  call.send(preface.substr(0, 10));
  call.pass(call.limits.header_timeout - milliseconds{1});
  EXPECT_EQ(call.received(), "");
  call.pass(milliseconds{2});
  call.pass(milliseconds{2});
  EXPECT_TRUE(call.received().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(call.timeouts, 1);
}

TEST(Connection, refuses_what_only_resembles_the_preface) {
  Call call;
  call.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
  EXPECT_TRUE(call.malformed);
  EXPECT_TRUE(call.received().starts_with("HTTP/1.1 "));
}

TEST(Connection, speaks_http_2_also_when_it_was_told_to_drain_before_the_first_byte) {
  Call early;
  early.connection.drain();
  early.send(std::string{preface} + std::string{empty_settings});
  EXPECT_NE(early.received().find('\7', 9), std::string::npos) << "a GOAWAY comes at once";
  early.pass(milliseconds{1001});
  early.peer.end();
  early.settle();
  EXPECT_EQ(early.closed, net::Closed::drain);
}

}  // namespace
}  // namespace weir::downstream
