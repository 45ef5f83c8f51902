// Every row of the table in way_in.h.

#include "weir/proxy/way_in.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace weir::proxy {
namespace {

using Kind = net::Greeting::Kind;
using Mode = policy::Interception::Mode;
using TlsMode = policy::ListenerTls::Mode;
using telemetry::Direction;

const Address caller = Address::v4({10, 0, 0, 7}, 40'000);
const Address here = Address::v4({127, 0, 0, 1}, 15'001);
const Address web = Address::v4({10, 0, 0, 9}, 80);
const Address database = Address::v4({10, 0, 0, 9}, 5432);
const Address application = Address::v4({10, 0, 0, 7}, 8080);
const Address metrics = Address::v4({10, 0, 0, 7}, 9090);
const std::array own{Address::v4({127, 0, 0, 1}, 15'001), Address::v4({0, 0, 0, 0}, 15'006)};

policy::Service service(Mode mode, TlsMode tls = TlsMode::off) {
  policy::Service service;
  service.inbound.emplace();
  service.inbound->application = Address::v4({127, 0, 0, 1}, 8080);
  service.inbound->intercept.mode = mode;
  service.inbound->tls.mode = tls;
  service.outbound.emplace();
  service.outbound->intercept.mode = mode;
  return service;
}

Way first(const policy::Service& service, Direction direction, std::optional<Address> destination) {
  return way_in(Threshold::of(service, direction), {caller, here, destination}, own);
}

TEST(WayIn, of_explicit_plain_listeners_is_to_be_served_unseen) {
  EXPECT_EQ(first(service(Mode::off), Direction::outbound, {}), Way::serve);
  EXPECT_EQ(first(service(Mode::off), Direction::inbound, {}), Way::serve);
}

TEST(WayIn, of_explicit_listeners_with_tls_is_the_handshake) {
  EXPECT_EQ(first(service(Mode::off, TlsMode::strict), Direction::inbound, {}), Way::secure);
  const auto permissive = service(Mode::off, TlsMode::permissive);
  EXPECT_EQ(first(permissive, Direction::inbound, {}), Way::recognise);
  const Threshold threshold = Threshold::of(permissive, Direction::inbound);
  for (const auto& [kind, way] : {std::pair{Kind::tls, Way::secure},
                                  {Kind::http_1, Way::serve},
                                  {Kind::http_2, Way::serve},
                                  {Kind::opaque, Way::serve},
                                  {Kind::unclear, Way::serve},
                                  {Kind::silent, Way::serve},
                                  {Kind::ended, Way::serve},
                                  {Kind::gone, Way::gone}}) {
    EXPECT_EQ(way_after(threshold, {}, kind), way) << name_of(kind);
  }
  EXPECT_EQ(way_secured(threshold, {}), Way::serve);
  EXPECT_EQ(patience(threshold, {}), permissive.inbound->tls.handshake_timeout);
}

TEST(WayIn, of_what_nobody_intercepted_or_leads_to_ourselves_is_refused_as_a_loop) {
  const auto intercepting = service(Mode::redirect);
  for (const auto direction : {Direction::inbound, Direction::outbound}) {
    EXPECT_EQ(first(intercepting, direction, {}), Way::loop);
    EXPECT_EQ(first(intercepting, direction, Address::v4({127, 0, 0, 1}, 15'001)), Way::loop);
  }
  // A wildcard listener is ours at the addresses that are seen to be ours, and nowhere else.
  const auto out = Direction::outbound;
  EXPECT_EQ(first(intercepting, out, Address::v4({10, 0, 0, 7}, 15'006)), Way::loop);
  EXPECT_EQ(first(intercepting, out, Address::v4({127, 0, 0, 9}, 15'006)), Way::loop);
  EXPECT_EQ(first(intercepting, out, Address::v4({10, 0, 0, 8}, 15'006)), Way::recognise);
}

TEST(WayOn, is_from_the_callers_address_only_where_tproxy_has_brought_the_connection) {
  const Address called = *Address::parse("10.77.0.1:8080");
  const Address listener = *Address::parse("127.0.0.1:15006");
  const Address peer = *Address::parse("10.77.0.2:40000");
  policy::Interception intercept;
  intercept.mode = Mode::tproxy;
  const Approach kept{peer, called, called};
  EXPECT_EQ(callers_ends(intercept, kept),
            (upstream::Ends{called, *Address::parse("10.77.0.2:0")}));
  EXPECT_FALSE(callers_ends(intercept, {peer, listener, called})) << "redirected";
  EXPECT_FALSE(callers_ends(intercept, {peer, listener, {}})) << "explicit";
  intercept.mode = Mode::redirect;
  EXPECT_FALSE(callers_ends(intercept, kept)) << "the rules may go any moment";
}

TEST(WayIn, of_intercepted_calls_depends_on_port_and_greeting) {
  const auto intercepting = service(Mode::redirect);
  EXPECT_EQ(first(intercepting, Direction::outbound, database), Way::tunnel);
  EXPECT_EQ(first(intercepting, Direction::outbound, web), Way::recognise);
  const Threshold threshold = Threshold::of(intercepting, Direction::outbound);
  for (const auto& [kind, way] : {std::pair{Kind::tls, Way::tunnel},
                                  {Kind::http_1, Way::serve},
                                  {Kind::http_2, Way::serve},
                                  {Kind::opaque, Way::tunnel},
                                  {Kind::unclear, Way::tunnel},
                                  {Kind::silent, Way::tunnel},
                                  {Kind::ended, Way::tunnel},
                                  {Kind::gone, Way::gone}}) {
    EXPECT_EQ(way_after(threshold, web, kind), way) << name_of(kind);
  }
  EXPECT_EQ(patience(threshold, web), intercepting.outbound->intercept.detection);
}

TEST(WayIn, of_intercepted_callers_depends_on_the_port_that_they_want) {
  for (const Mode mode : {Mode::redirect, Mode::tproxy}) {
    const auto plain = service(mode);
    EXPECT_EQ(first(plain, Direction::inbound, metrics), Way::tunnel);
    EXPECT_EQ(first(plain, Direction::inbound, application), Way::recognise);
    const auto strict = service(mode, TlsMode::strict);
    EXPECT_EQ(first(strict, Direction::inbound, metrics), Way::tunnel);
    EXPECT_EQ(first(strict, Direction::inbound, application), Way::secure);
    EXPECT_EQ(way_secured(Threshold::of(strict, Direction::inbound), application), Way::serve);
  }
  struct Row {
    Kind kind;
    Way off;
    Way permissive;
  };
  const auto off = service(Mode::redirect);
  const auto permissive = service(Mode::redirect, TlsMode::permissive);
  for (const Row& row :
       {Row{Kind::tls, Way::tunnel, Way::secure}, Row{Kind::http_1, Way::serve, Way::serve},
        Row{Kind::http_2, Way::serve, Way::serve}, Row{Kind::silent, Way::serve, Way::serve},
        Row{Kind::unclear, Way::serve, Way::serve}, Row{Kind::ended, Way::gone, Way::gone},
        Row{Kind::opaque, Way::tunnel, Way::tunnel}, Row{Kind::gone, Way::gone, Way::gone}}) {
    const auto after = [&](const policy::Service& with) {
      return way_after(Threshold::of(with, Direction::inbound), application, row.kind);
    };
    EXPECT_EQ(after(off), row.off) << name_of(row.kind);
    EXPECT_EQ(after(permissive), row.permissive) << name_of(row.kind);
  }
}

TEST(WayIn, of_an_application_on_an_opaque_port_is_a_tunnel_behind_its_tls) {
  auto plain = service(Mode::redirect);
  plain.inbound->application = Address::v4({127, 0, 0, 1}, 5432);
  auto strict = plain;
  strict.inbound->tls.mode = TlsMode::strict;
  EXPECT_EQ(first(plain, Direction::inbound, database), Way::tunnel);
  EXPECT_EQ(first(strict, Direction::inbound, database), Way::secure);
  EXPECT_EQ(way_secured(Threshold::of(strict, Direction::inbound), database), Way::tunnel);
}

TEST(WayIn, of_bytes_is_no_way_around_the_rules_about_requests) {
  auto guarded = service(Mode::redirect);
  guarded.inbound->authorization.otherwise = policy::AuthorizationRule::Effect::deny;
  const Threshold threshold = Threshold::of(guarded, Direction::inbound);
  EXPECT_EQ(way_after(threshold, application, Kind::opaque), Way::unauthorized);
  EXPECT_EQ(way_after(threshold, application, Kind::tls), Way::unauthorized);
  EXPECT_EQ(way_after(threshold, application, Kind::silent), Way::serve);
  EXPECT_EQ(first(guarded, Direction::inbound, metrics), Way::tunnel);
  guarded.inbound->authorization.dry_run = true;
  EXPECT_EQ(way_after(threshold, application, Kind::opaque), Way::tunnel);
}

// Else who is slow, or writes as only the application reads, could say whatever weir takes away
// from requests.
TEST(WayIn, of_what_only_the_application_takes_for_a_request_is_not_around_what_weir_does_to_it) {
  const auto plain = service(Mode::redirect);
  const Threshold threshold = Threshold::of(plain, Direction::inbound);
  EXPECT_EQ(way_after(threshold, application, Kind::unclear), Way::serve);
  auto database_here = plain;
  database_here.inbound->application = Address::v4({127, 0, 0, 1}, 5432);
  const Threshold opaque = Threshold::of(database_here, Direction::inbound);
  EXPECT_EQ(way_after(opaque, database, Kind::unclear), Way::tunnel);
  EXPECT_EQ(way_after(opaque, database, Kind::ended), Way::tunnel);
}

}  // namespace
}  // namespace weir::proxy
