#include "weir/proxy/snapshot.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

TEST(Snapshot, streams_to_the_application_have_the_idle_limit_of_inbound) {
  policy::Service service;
  service.inbound.emplace();
  service.inbound->idle = std::chrono::seconds{60};
  Clusters clusters{1};
  const auto snapshot = clusters.compile(service, Instant{});
  ASSERT_EQ(snapshot->inbound->routes.size(), 1U);
  EXPECT_EQ(snapshot->inbound->routes.front().route->idle, std::chrono::seconds{60});

  service.inbound->idle.reset();
  EXPECT_FALSE(clusters.compile(service, Instant{})->inbound->routes.front().route->idle);
}

net::TlsPeer peer_named(std::string identity) {
  net::TlsPeer peer;
  peer.identity = std::move(identity);
  return peer;
}

TEST(Snapshot, only_members_of_the_trust_domain_are_believed) {
  policy::Service service;
  service.inbound.emplace();
  service.inbound->tls.mode = policy::ListenerTls::Mode::permissive;
  service.inbound->tls.trust_domain = "example.org";
  const auto snapshot = Clusters{1}.compile(service, Instant{});
  const CompiledListener& listener = *snapshot->inbound;
  struct Case {
    std::string identity;
    bool trusted;
  };
  for (const Case& one : {Case{"spiffe://example.org/ns/shop", true},
                          Case{"spiffe://example.org.evil/ns/shop", false},
                          Case{"spiffe://example.com/ns/shop", false},
                          Case{"spiffe://example.org", false}, Case{"", false}}) {
    const auto peer = peer_named(one.identity);
    EXPECT_EQ(listener.towards(&peer).trusted, one.trusted) << one.identity;
  }
  EXPECT_FALSE(listener.towards(nullptr).trusted) << "plain text";
  EXPECT_TRUE(listener.authorizes) << "identities are counted";
}

TEST(Snapshot, without_tls_or_a_trust_domain_callers_are_believed_as_configured) {
  for (const bool trusted : {true, false}) {
    policy::Service service;
    service.inbound.emplace();
    service.inbound->trusted = trusted;
    service.inbound->tls.trust_domain = "example.org";  // mode: off
    EXPECT_EQ(Clusters{1}.compile(service, Instant{})->inbound->towards(nullptr).trusted, trusted);
    service.inbound->tls.mode = policy::ListenerTls::Mode::strict;
    service.inbound->tls.trust_domain.clear();
    const auto peer = peer_named("spiffe://anywhere.org/x");
    EXPECT_EQ(Clusters{1}.compile(service, Instant{})->inbound->towards(&peer).trusted, trusted);
    service.inbound->tls.trust_domain = "anywhere.org";
    EXPECT_EQ(Clusters{1}.compile(service, Instant{})->inbound->towards(&peer).trusted, trusted)
        << "who is trusted by nobody is not made so by a certificate";
  }
}

TEST(Snapshot, secrets_stand_where_connections_are_made) {
  policy::Service service;
  service.inbound.emplace();
  service.outbound.emplace();
  auto& upstream = service.upstreams.emplace_back();
  upstream.name = "catalog";
  upstream.endpoints.emplace_back();
  policy::Route route;
  route.to = "catalog";
  service.routes.push_back(route);
  auto something = std::make_shared<std::uint64_t>();
  const void* any = something.get();  // contexts cannot be made without files
  TlsContexts contexts;
  contexts.upstreams["catalog"] = {something, static_cast<const net::TlsClient*>(any)};
  const auto snapshot = Clusters{1}.compile(service, Instant{}, contexts);
  EXPECT_EQ(snapshot->outbound->routes.front().to.tls, contexts.upstreams["catalog"]);
  EXPECT_EQ(snapshot->upstreams.named("catalog")->to.tls, contexts.upstreams["catalog"]);
  EXPECT_EQ(snapshot->inbound->routes.front().to.tls, nullptr);
}

}  // namespace
}  // namespace weir::proxy
