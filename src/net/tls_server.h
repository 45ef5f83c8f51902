// The server's side: which certificate, which protocol, which sessions.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/openssl.h"
#include "net/ticket_keys.h"
#include "weir/net/tls.h"

namespace weir::net {

// Until when a session of a peer may be resumed: proven at `proven_at`, by a certificate that is
// valid until `not_after`. Unix seconds.
struct SessionAge {
  std::int64_t proven_at = 0;
  std::int64_t not_after = 0;

  bool resumable(std::int64_t now) const;
};

// Gives back what `connection` knows of its caller's certificates and of the session that it may be
// resumed by: most of what an idle connection with mutual TLS would hold. For connections of
// TLS 1.3 whose handshake is over and whose ticket has been made.
void forget_caller(SSL& connection);

// Certificates by the names they carry.
class NameIndex {
 public:
  // Names in small letters, `*.` at the front for all of one level. Who came first keeps a name.
  void add(const std::vector<std::string>& names, std::size_t certificate);
  // The first certificate when nothing fits.
  std::size_t find(std::string_view server_name) const;

 private:
  std::unordered_map<std::string, std::size_t> index_;
};

class TlsServer::State {
 public:
  static std::expected<std::unique_ptr<State>, TlsProblem> load(const policy::ListenerTls& policy);

  // A connection's; null without memory. The state must outlive its handshake.
  Ssl connection() const { return Ssl{SSL_new(contexts_.front().get())}; }
  const std::vector<CertificateStatus>& certificates() const { return certificates_; }
  const std::string& trust() const { return trust_; }
  // By SNI; called by OpenSSL.
  SSL_CTX* context_for(std::string_view server_name) const {
    return contexts_[index_.find(server_name)].get();
  }

 private:
  std::expected<void, TlsProblem> add_certificates(const policy::ListenerTls& policy);
  std::expected<void, TlsProblem> add_trust(const policy::ListenerTls& policy);
  SslContext make_server_context(policy::Tls::Version minimum);

  TicketKeys tickets_;  // of all contexts
  std::vector<SslContext> contexts_;
  NameIndex index_;
  std::vector<CertificateStatus> certificates_;
  std::string trust_;
};

}  // namespace weir::net
