#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "net/tls_identity.h"

namespace weir::net {
namespace {

constexpr auto ciphers_1_2 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr auto ciphers_1_3 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr auto groups = "X25519:P-256:P-384";
// 112 bits: no RSA below 2048, no SHA-1.
constexpr int security_level = 2;

constexpr std::uint64_t options =
    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
    SSL_OP_PRIORITIZE_CHACHA;  // for peers without AES in hardware, who name it first

// Idle connections keep no buffers; a write may be tried again from elsewhere; a record that
// carries no application bytes gives the turn back.
constexpr long modes =
    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

TlsError of_verification(long result) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return TlsError::expired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return TlsError::wrong_name;
    default: return TlsError::untrusted;
  }
}

TlsError of_reason(int reason, const SSL& ssl) {
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return of_verification(SSL_get_verify_result(&ssl));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return TlsError::no_certificate;
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK: return TlsError::untrusted;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return TlsError::version;
    default: break;
  }
  // Alerts that came have their numbers from here on (ssl.h).
  return reason >= SSL_AD_REASON_OFFSET ? TlsError::alert : TlsError::protocol;
}

}  // namespace

std::string_view name_of(TlsError error) {
  switch (error) {
    case TlsError::none: return "none";
    case TlsError::protocol: return "protocol";
    case TlsError::alert: return "alert";
    case TlsError::version: return "version";
    case TlsError::no_certificate: return "no_certificate";
    case TlsError::untrusted: return "untrusted";
    case TlsError::expired: return "expired";
    case TlsError::wrong_name: return "wrong_name";
    case TlsError::timeout: return "timeout";
  }
  std::unreachable();
}

SslContext make_context(const SSL_METHOD* method, policy::Tls::Version minimum) {
  SslContext context{SSL_CTX_new(method)};
  if (!context) return nullptr;
  SSL_CTX* raw = context.get();
  const bool only_1_3 = minimum == policy::Tls::Version::tls_1_3;
  SSL_CTX_set_min_proto_version(raw, only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_security_level(raw, security_level);
  SSL_CTX_set_options(raw, options);
  SSL_CTX_clear_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT);
  SSL_CTX_set_mode(raw, modes);
  SSL_CTX_clear_mode(raw, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_max_early_data(raw, 0);
  SSL_CTX_set_timeout(raw, session_seconds);
  SSL_CTX_set_verify_depth(raw, deepest_chain);
  const bool accepted = SSL_CTX_set_cipher_list(raw, ciphers_1_2) == 1 &&
                        SSL_CTX_set_ciphersuites(raw, ciphers_1_3) == 1 &&
                        SSL_CTX_set1_groups_list(raw, groups) == 1;
  return accepted ? std::move(context) : nullptr;
}

X509Trust trust_in(std::span<const X509Certificate> authorities) {
  X509Trust trust{X509_STORE_new()};
  if (!trust) return nullptr;
  for (const X509Certificate& one : authorities) X509_STORE_add_cert(trust.get(), one.get());
  // Whom the operator names is believed, also an authority that another one vouches for.
  X509_STORE_set_flags(trust.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return trust;
}

std::expected<void, TlsProblem> show(SSL_CTX& context, const KeyPair& pair,
                                     const std::string& file) {
  const std::unique_ptr<STACK_OF(X509),
                        Released<[](STACK_OF(X509) * stack) { sk_X509_free(stack); }>>
      others{sk_X509_new_null()};
  for (const auto& one : std::span{pair.chain}.subspan(1)) sk_X509_push(others.get(), one.get());
  if (SSL_CTX_use_cert_and_key(&context, pair.chain.front().get(), pair.key.get(), others.get(),
                               1) == 1) {
    return {};
  }
  return std::unexpected{TlsProblem{
      file, fmt::format("the certificate in {} is not accepted: {}", file, openssl_reason())}};
}

CertificateStatus last_of(std::span<const X509Certificate> authorities, const std::string& file) {
  const auto longest = std::ranges::max_element(
      authorities, {}, [](const X509Certificate& one) { return not_after(*one); });
  return status_of(**longest, file);
}

TlsError handshake_error(const SSL& ssl) {
  TlsError found = TlsError::protocol;
  while (const unsigned long error = ERR_get_error()) {
    if (found == TlsError::protocol && ERR_GET_LIB(error) == ERR_LIB_SSL) {
      found = of_reason(ERR_GET_REASON(error), ssl);
    }
  }
  return found;
}

}  // namespace weir::net
