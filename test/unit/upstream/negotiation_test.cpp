// Endpoints over TLS: what is agreed upon chooses the pool, and credentials belong to a generation.

#include <gtest/gtest.h>

#include <string>

#include "endpoint.h"

namespace weir::upstream {
namespace {

using resilience::Failure;
using std::chrono::milliseconds;
using State = Attempt::State;

// A transport that says what a handshake has agreed upon.
class Secured final : public net::Transport {
 public:
  Secured(std::unique_ptr<net::Transport> below, std::string protocol) : below_(std::move(below)) {
    peer_.protocol = std::move(protocol);
  }
  void deliver_to(net::TransportEvents& events) override { below_->deliver_to(events); }
  void read(std::span<char> into) override { below_->read(into); }
  net::WriteResult write(std::span<const iovec> pieces) override { return below_->write(pieces); }
  void wait_writable() override { below_->wait_writable(); }
  void shutdown_send() override { below_->shutdown_send(); }
  void reset_on_close() override { below_->reset_on_close(); }
  const Address& peer() const override { return below_->peer(); }
  const Address& local() const override { return below_->local(); }
  const net::TlsPeer* tls() const override { return &peer_; }

 private:
  std::unique_ptr<net::Transport> below_;
  net::TlsPeer peer_;
};

struct SecureEndpoint final : net::Connector {
  SecureEndpoint() {
    policy.name = "catalog";
    policy.endpoints.emplace_back().address = Address::v4({10, 0, 0, 9}, 8443);
    policy.tls.emplace();
    cluster = cluster::Cluster::make(policy, "", 1, scheduler.now());
  }

  struct Pending final : net::Connecting {
    Pending(SecureEndpoint& of, net::Target to, net::ConnectEvents& with)
        : endpoint(of), target(std::move(to)), events(with) {}
    ~Pending() override { std::erase(endpoint.pending, this); }
    bool reached() const override { return shaking_hands; }
    SecureEndpoint& endpoint;
    net::Target target;
    net::ConnectEvents& events;
    bool shaking_hands = false;
  };
  std::unique_ptr<net::Connecting> connect(const net::Target& to,
                                           net::ConnectEvents& events) override {
    auto made = std::make_unique<Pending>(*this, to, events);
    pending.push_back(made.get());
    return made;
  }
  void agree(std::string protocol) {
    net::ConnectEvents& events = pending.front()->events;
    events.on_connect(
        std::make_unique<Secured>(peers.emplace_back().connect(), std::move(protocol)),
        net::ConnectError::none);
    scheduler.turn(scheduler.now());
  }
  void refuse(net::ConnectError error) {
    pending.front()->events.on_connect(nullptr, error);
    scheduler.turn(scheduler.now());
  }

  struct Try {
    explicit Try(Pools& pools) : attempt(pools, watcher) {}
    Watcher watcher;
    Attempt attempt;
    State state() const { return attempt.state(); }
  };
  std::unique_ptr<Try> begin(Wire wire = Wire::agreed) {
    auto asked = std::make_unique<Try>(pools);
    Approach approach{policy};
    approach.tls = credentials;
    approach.generation = generation;
    asked->attempt.start(std::move(*cluster->pick({}, scheduler.now())), approach, Freshness::any,
                         wire);
    return asked;
  }
  void renew() {
    ++generation;
    credentials = make_credentials();
  }
  // Contexts cannot be made without files; nobody looks into these.
  static std::shared_ptr<const net::TlsClient> make_credentials() {
    auto something = std::make_shared<std::uint64_t>();
    const void* any = something.get();
    return {something, static_cast<const net::TlsClient*>(any)};
  }
  void pass(Duration time) { scheduler.turn(scheduler.now() + time); }

  policy::Upstream policy;
  std::uint64_t generation = 0;
  std::shared_ptr<const net::TlsClient> credentials = make_credentials();
  Scheduler scheduler{Instant{std::chrono::seconds{1000}}};
  Random random{1};
  CountingRecorder recorder;
  std::deque<net::FakePeer> peers;
  std::vector<Pending*> pending;
  std::shared_ptr<cluster::Cluster> cluster;
  Pools pools{scheduler, *this, random, recorder};
};

TEST(Negotiation, one_handshake_is_enough_for_all_where_http_2_is_agreed_upon) {
  SecureEndpoint endpoint;
  const auto first = endpoint.begin();
  const auto second = endpoint.begin();
  ASSERT_EQ(endpoint.pending.size(), 1U);
  EXPECT_EQ(endpoint.pending[0]->target.alpn, net::Alpn::h2_or_http_1_1);
  EXPECT_EQ(endpoint.pools.connections(), 1U);
  endpoint.agree("h2");
  const auto third = endpoint.begin();
  for (const auto* one : {&first, &second, &third}) EXPECT_EQ((*one)->state(), State::connected);
  EXPECT_EQ(endpoint.pools.connections(), 1U);
  EXPECT_EQ(endpoint.recorder.handshakes, 1);
}

TEST(Negotiation, who_agrees_upon_http_1_1_or_nothing_gets_a_connection_per_call) {
  for (const char* agreed : {"http/1.1", ""}) {
    SecureEndpoint endpoint;
    const auto first = endpoint.begin();
    const auto second = endpoint.begin();
    endpoint.agree(agreed);
    EXPECT_EQ(first->state(), State::connected);
    EXPECT_EQ(second->state(), State::connecting);
    ASSERT_EQ(endpoint.pending.size(), 1U);
    // It is remembered: a third does not wait for the second.
    const auto third = endpoint.begin();
    EXPECT_EQ(endpoint.pending.size(), 2U);
    endpoint.agree(agreed);
    EXPECT_EQ(second->state(), State::connected);
    EXPECT_FALSE(first->attempt.reused_connection());
    EXPECT_EQ(endpoint.pools.connections(), 3U);
  }
}

TEST(Negotiation, an_endpoint_that_has_changed_its_mind_is_followed) {
  SecureEndpoint endpoint;
  auto old = endpoint.begin();
  endpoint.agree("http/1.1");
  const auto upgraded = endpoint.begin();
  endpoint.agree("h2");
  EXPECT_EQ(upgraded->state(), State::connected);
  EXPECT_EQ(endpoint.begin()->state(), State::connected);
  EXPECT_EQ(endpoint.pools.connections(), 2U);
}

TEST(Negotiation, its_failure_is_everybodys_and_the_last_to_leave_gives_it_up) {
  SecureEndpoint endpoint;
  auto first = endpoint.begin();
  auto second = endpoint.begin();
  endpoint.refuse(net::ConnectError::tls_wrong_name);
  EXPECT_EQ(first->attempt.failure(), Failure::tls_certificate);
  EXPECT_EQ(second->attempt.failure(), Failure::tls_certificate);
  EXPECT_EQ(endpoint.recorder.handshake_failures, std::vector<std::string>{"wrong_name"});
  EXPECT_EQ(endpoint.pools.connections(), 0U);
  first = endpoint.begin();
  second = endpoint.begin();
  first.reset();
  EXPECT_EQ(endpoint.pending.size(), 1U);
  second.reset();
  EXPECT_EQ(endpoint.pending.size(), 0U);
  EXPECT_EQ(endpoint.pools.connections(), 0U);
}

TEST(Negotiation, the_handshake_has_a_limit_of_its_own) {
  for (const Wire wire : {Wire::agreed, Wire::http_1_1, Wire::http_2}) {
    SecureEndpoint endpoint;
    endpoint.policy.connect_timeout = milliseconds{100};
    endpoint.policy.tls->handshake_timeout = milliseconds{500};
    const auto unreached = endpoint.begin(wire);
    endpoint.pass(milliseconds{101});
    EXPECT_EQ(unreached->attempt.failure(), Failure::connect_timeout);
    const auto slow = endpoint.begin(wire);
    endpoint.pending.back()->shaking_hands = true;
    endpoint.pass(milliseconds{101});
    EXPECT_EQ(slow->state(), State::connecting);
    endpoint.pass(milliseconds{501});
    EXPECT_EQ(slow->attempt.failure(), Failure::tls_timeout);
    EXPECT_EQ(endpoint.pools.connections(), 0U);
  }
}

TEST(Negotiation, new_credentials_retire_what_the_old_ones_made) {
  for (const char* agreed : {"h2", "http/1.1"}) {
    SecureEndpoint endpoint;
    auto old = endpoint.begin();
    endpoint.agree(agreed);
    auto begun = endpoint.begin(Wire::http_1_1);
    endpoint.renew();
    auto fresh = endpoint.begin();
    EXPECT_EQ(old->state(), State::connected) << "what is in use goes on";
    EXPECT_EQ(fresh->state(), State::connecting);
    EXPECT_EQ(endpoint.pending.back()->target.tls, endpoint.credentials);
    endpoint.agree("http/1.1");  // begun with the old ones
    EXPECT_EQ(begun->state(), State::connected);
    endpoint.agree(agreed);
    EXPECT_EQ(fresh->state(), State::connected);
    // Whoever still holds the older configuration uses the newer credentials.
    --endpoint.generation;
    const auto late = endpoint.begin(Wire::http_1_1);
    EXPECT_EQ(endpoint.pending.back()->target.tls, endpoint.credentials);
    begun.reset();
    old.reset();
    endpoint.scheduler.turn(endpoint.scheduler.now());
    EXPECT_EQ(endpoint.pools.connections(), 2U) << agreed;
  }
}

TEST(Negotiation, in_plain_text_there_is_nothing_to_agree_upon) {
  SecureEndpoint endpoint;
  endpoint.credentials.reset();
  const auto asked = endpoint.begin();
  ASSERT_EQ(endpoint.pending.size(), 1U);
  EXPECT_EQ(endpoint.pending[0]->target.tls, nullptr);
  EXPECT_EQ(endpoint.pending[0]->target.alpn, net::Alpn::nothing);
}

}  // namespace
}  // namespace weir::upstream
