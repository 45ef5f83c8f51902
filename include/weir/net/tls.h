// TLS on both sides, by OpenSSL: contexts that are made once per generation, and what was agreed.
//
// A context is immutable and shared by all workers. It is loaded off the event loops, from files
// that must be consistent: the key belongs to the leaf, nothing has expired, the bundle holds at
// least one authority. What is offered is TLS 1.2 with forward secrecy and AEAD, and TLS 1.3;
// renegotiation, compression and 0-RTT are off (RFC 9325). Sessions are resumed by stateless
// tickets whose keys live with the context and are replaced each hour, so a new generation of trust
// resumes nothing of the old; authorization is judged on the resumed session's verified peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/net/transport.h"
#include "weir/policy/tls.h"

namespace weir::net {

// Why a handshake failed, for counting, logging and the one table of failures.
enum class TlsError : std::uint8_t {
  none,
  protocol,        // the peer spoke something else, or it was cut short
  alert,           // the peer does not want us, and said so
  version,         // no common version or cipher
  no_certificate,  // we ask for one and the peer showed none
  untrusted,       // the chain does not end at an authority of ours
  expired,         // or not yet valid, anywhere in the chain
  wrong_name,      // a valid certificate of somebody else
  timeout
};
inline constexpr std::size_t tls_error_count = static_cast<std::size_t>(TlsError::timeout) + 1;
std::string_view name_of(TlsError error);

// What a handshake has established; valid as long as the transport.
struct TlsPeer {
  std::string identity;        // the SPIFFE id of a verified peer; empty without one
  std::string server_name;     // SNI, in small letters; empty without one
  std::string protocol;        // ALPN: "h2", "http/1.1"; empty without one
  bool verified = false;       // showed a certificate that our bundle vouches for
  std::int64_t not_after = 0;  // of a verified peer's certificate; Unix seconds
  bool resumed = false;
  bool tls_1_3 = false;
  // Our handshake was complete, but then came an alert about our certificate (TLS 1.3 verifies it
  // that late): the peer has processed nothing of what was sent.
  bool turned_us_away = false;
};

// A file that cannot be used: one sentence that names it and the cure.
struct TlsProblem {
  std::string file;
  std::string text;
};

// For the metric `weir_tls_certificate_expiry_timestamp_seconds` and the admin page.
struct CertificateStatus {
  std::string file;
  std::string subject;          // the SPIFFE id, else the first DNS name, else the subject
  std::int64_t not_before = 0;  // Unix seconds
  std::int64_t not_after = 0;
};

class TlsServer {
 public:
  // Blocks on files. Never half of a new generation: either all of it or a problem.
  static std::expected<std::shared_ptr<const TlsServer>, TlsProblem> load(
      const policy::ListenerTls& policy);
  ~TlsServer();

  const std::vector<CertificateStatus>& certificates() const;
  // What callers must prove, as a key: two contexts with the same one believe the same callers.
  const std::string& trust() const;

  class State;
  const State& state() const { return *state_; }

 private:
  explicit TlsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class TlsClient {
 public:
  // ALPN is what the pool asks for at each connection.
  static std::expected<std::shared_ptr<const TlsClient>, TlsProblem> load(
      const policy::UpstreamTls& policy);
  ~TlsClient();

  const std::vector<CertificateStatus>& certificates() const;

  class State;
  const State& state() const { return *state_; }

 private:
  explicit TlsClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::net
