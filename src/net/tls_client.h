// The client's side: whom we ask for, whom we believe, which sessions are resumed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/openssl.h"
#include "net/tls_sessions.h"
#include "weir/net/tls.h"

namespace weir::net {

class TlsClient::State {
 public:
  static std::expected<std::unique_ptr<State>, TlsProblem> load(const policy::UpstreamTls& policy);

  // A connection's, with SNI, ALPN and, if there is one, a session to resume; null without memory.
  Ssl connection(const SessionKey& key) const;
  // What is sent as SNI; empty for addresses.
  const std::string& server_name() const { return server_name_; }
  const std::vector<CertificateStatus>& certificates() const { return certificates_; }
  // Whether the certificate is of one whom the operator named; called by OpenSSL.
  bool is_meant(const X509& certificate) const;
  void keep_session(const SessionKey& key, const SSL_SESSION& session) const {
    sessions_.keep(key, session);
  }

 private:
  std::expected<void, TlsProblem> add_certificate(const policy::UpstreamTls& policy);
  std::expected<void, TlsProblem> add_trust(const policy::UpstreamTls& policy);
  std::expected<void, TlsProblem> expect_peer(const policy::UpstreamTls& policy);

  SslContext context_;
  std::string server_name_;
  std::vector<policy::Pattern> identities_;
  std::vector<CertificateStatus> certificates_;
  mutable TlsSessions sessions_;  // locks itself
};

// The names of ALPN that are offered, as they go over the wire.
std::string_view offered_protocols(Alpn alpn);
// Whether what the server chose (empty: nothing) is what was asked for.
bool is_agreed(Alpn asked, std::string_view chosen);

}  // namespace weir::net
