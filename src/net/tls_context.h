// What both sides of TLS have in common: what is offered, and how peers are verified (RFC 9325).
#pragma once

#include <expected>
#include <span>

#include "net/openssl.h"
#include "net/tls_files.h"
#include "weir/net/tls.h"
#include "weir/policy/tls.h"

namespace weir::net {

// Ours followed by at most this many others: whoever signs deeper is not believed.
inline constexpr int deepest_chain = 5;
// How long after a full handshake its session may be resumed.
inline constexpr std::int64_t session_seconds = 3600;

// TLS 1.2 with forward secrecy and AEAD, TLS 1.3; no renegotiation, no compression. Null when
// OpenSSL has no memory.
SslContext make_context(const SSL_METHOD* method, policy::Tls::Version minimum);

// Everything that `authorities` sign is believed.
X509Trust trust_in(std::span<const X509Certificate> authorities);

// Shows `pair` to peers. The problem is named after `file`.
std::expected<void, TlsProblem> show(SSL_CTX& context, const KeyPair& pair,
                                     const std::string& file);

// For the end of trust: of all authorities of a bundle the one that is valid longest.
CertificateStatus last_of(std::span<const X509Certificate> authorities, const std::string& file);

// Why the handshake of `ssl` failed; OpenSSL's queue of errors is empty afterwards.
TlsError handshake_error(const SSL& ssl);

}  // namespace weir::net
