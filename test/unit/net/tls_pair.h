// Both ends of a TLS connection on one loop, with certificates made to order.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "certificates.h"
#include "securing.h"
#include "weir/net/connector.h"
#include "weir/net/listener.h"

namespace weir::net {

using test::CertificateWish;
using test::MadeCertificate;
using Client = policy::ListenerTls::Client;
using Version = policy::Tls::Version;

inline const MadeCertificate& authority() {
  static const MadeCertificate made = test::make_authority("weir test authority");
  return made;
}

inline const MadeCertificate& stranger() {
  static const MadeCertificate made = test::make_authority("some other authority");
  return made;
}

// How both sides ended.
struct Ending {
  ConnectError client = ConnectError::none;
  std::optional<TlsError> server;  // nothing when it did not end at all
};

class TlsPair : public testing::Test {
 protected:
  void SetUp() override {
    auto socket = ListeningSocket::open(any_port);
    ASSERT_TRUE(socket) << socket.error().text;
    listener = std::make_unique<Listener>(loop, std::move(*socket), securing);
    ca = files.write("ca.crt", authority().pem);
  }

  policy::Certificate certificate(const std::string& name, const CertificateWish& wish) {
    return files.write(name, authority().sign(wish));
  }
  policy::Certificate certificate_for(const std::string& dns) {
    return certificate(dns, {.dns = {dns}});
  }

  // Policies that fit each other: server.test, no client certificate.
  policy::ListenerTls listener_policy() {
    policy::ListenerTls tls;
    tls.mode = policy::ListenerTls::Mode::strict;
    tls.client = Client::none;
    tls.certificates = {certificate_for("server.test")};
    return tls;
  }
  policy::UpstreamTls upstream_policy() {
    policy::UpstreamTls tls;
    tls.ca = ca;
    tls.server_name = "server.test";
    return tls;
  }

  void serve(const policy::ListenerTls& policy) {
    auto loaded = TlsServer::load(policy);
    ASSERT_TRUE(loaded) << loaded.error().text;
    securing.server = *loaded;
  }
  void call(const policy::UpstreamTls& policy) {
    auto loaded = TlsClient::load(policy);
    ASSERT_TRUE(loaded) << loaded.error().text;
    tls_client = *loaded;
  }

  // Only our client's end, with a server of another kind.
  ConnectError reach(const Address& address, Alpn alpn = Alpn::nothing) {
    Target target{address};
    target.tls = tls_client;
    target.alpn = alpn;
    Connected connected;
    const auto connecting = connector.connect(target, connected);
    turn_until(loop, [&] { return connected.error.has_value(); });
    client = connected.transport ? std::make_unique<Peer>(std::move(connected.transport)) : nullptr;
    return connected.error.value_or(ConnectError::none);
  }
  Ending shake_hands(Alpn alpn = Alpn::nothing) {
    securing.error.reset();
    securing.peers.clear();
    const ConnectError error = reach(listener->address(), alpn);
    turn_until(loop, [&] { return securing.error.has_value(); });
    if (!securing.peers.empty()) server = std::move(securing.peers.back());
    return {error, securing.error};
  }
  void join(Alpn alpn = Alpn::nothing) {
    const Ending ending = shake_hands(alpn);
    ASSERT_EQ(ending.client, ConnectError::none);
    ASSERT_EQ(ending.server, TlsError::none);
  }
  const TlsPeer& seen_by_server() { return *server->transport().tls(); }
  const TlsPeer& seen_by_client() { return *client->transport().tls(); }

  // Exchanges a byte each way, which also delivers TLS 1.3's tickets to the client.
  void exchange() {
    client->read();
    server->read();
    client->write("?");
    turn_until(loop, [&] { return !server->received.empty(); });
    server->write("!");
    turn_until(loop, [&] { return !client->received.empty(); });
  }

  test::CertificateDirectory files;
  std::string ca;
  Loop loop;
  Securing securing;
  std::unique_ptr<Listener> listener;
  TcpConnector connector{loop};
  std::shared_ptr<const TlsClient> tls_client;
  std::unique_ptr<Peer> client;
  std::unique_ptr<Peer> server;
};

}  // namespace weir::net
