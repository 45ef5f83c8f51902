#include "net/tls_server.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "net/tls_context.h"
#include "net/tls_identity.h"

namespace weir::net {
namespace {

// More names than this would make every handshake with a client longer for little help.
constexpr std::size_t most_named_authorities = 8;
constexpr std::string_view session_context = "weir";
// A session without certificates, names and keys, as ASN.1.
constexpr std::size_t longest_agreed = 256;

std::string_view offered_name(const SSL* ssl) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view{} : std::string_view{name};
}

int choose_certificate(SSL* ssl, int* /*alert*/, void* state) {
  const std::string name = small_letters(offered_name(ssl));
  if (name.empty()) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* context = static_cast<TlsServer::State*>(state)->context_for(name);
  if (context != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

// `offered` is ALPN's list: each name behind its length. OpenSSL has checked its form.
const unsigned char* find_protocol(std::span<const unsigned char> offered,
                                   std::string_view wanted) {
  while (!offered.empty()) {
    const std::size_t size = offered[0];
    if (size == wanted.size() && size < offered.size() &&
        std::memcmp(&offered[1], wanted.data(), size) == 0) {
      return &offered[1];
    }
    offered = offered.subspan(std::min(size + 1, offered.size()));
  }
  return nullptr;
}

// What of our own preference comes first among `offered`; null: nothing.
const unsigned char* choose_protocol(std::span<const unsigned char> offered, unsigned char& size) {
  for (const std::string_view protocol : {"h2", "http/1.1"}) {
    size = static_cast<unsigned char>(protocol.size());
    if (const unsigned char* found = find_protocol(offered, protocol)) return found;
  }
  return nullptr;
}

void choose_protocols(SSL_CTX* context) {
  SSL_CTX_set_alpn_select_cb(
      context,
      [](SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
         const unsigned char* offered, unsigned offered_size, void* /*argument*/) {
        *chosen = choose_protocol({offered, offered_size}, *size);
        return *chosen == nullptr ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
      },
      nullptr);
}

// A ticket remembers when its peer proved who he is: resuming makes new tickets, not new proof.
int remember_proof(SSL* ssl, void* /*argument*/) {
  if (SSL_session_reused(ssl) == 1) return 1;
  const std::int64_t now = std::time(nullptr);
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &now, sizeof now);
}

SessionAge age_of(SSL_SESSION* session) {
  SessionAge age{.proven_at = 0, .not_after = INT64_MAX};
  void* data = nullptr;
  std::size_t size = 0;
  if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) == 1 && size == sizeof age.proven_at) {
    std::memcpy(&age.proven_at, data, size);
  }
  if (const X509* peer = SSL_SESSION_get0_peer(session)) age.not_after = not_after(*peer);
  return age;
}

SSL_TICKET_RETURN judge_ticket(SSL_SESSION* session, SSL_TICKET_STATUS status) {
  const bool read = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!read || !age_of(session).resumable(std::time(nullptr))) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void judge_tickets(SSL_CTX* context) {
  SSL_CTX_set_session_ticket_cb(
      context, remember_proof,
      [](SSL* /*ssl*/, SSL_SESSION* session, const unsigned char* /*name*/,
         std::size_t /*name_size*/, SSL_TICKET_STATUS status,
         void* /*argument*/) { return judge_ticket(session, status); },
      nullptr);
}

// The chain that OpenSSL has built would stay with the connection.
int verify_caller(X509_STORE_CTX* chain, void* /*argument*/) {
  const int verdict = X509_verify_cert(chain);
  X509_STORE_CTX_set0_verified_chain(chain, nullptr);
  return verdict;
}

int verify_mode(policy::ListenerTls::Client client) {
  switch (client) {
    case policy::ListenerTls::Client::none: return SSL_VERIFY_NONE;
    case policy::ListenerTls::Client::optional: return SSL_VERIFY_PEER;
    case policy::ListenerTls::Client::required:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

void name_authorities(SSL_CTX* context, std::span<const X509Certificate> authorities) {
  if (authorities.size() > most_named_authorities) return;
  for (const auto& one : authorities) SSL_CTX_add_client_CA(context, one.get());
}

// The same for the same authorities, in whatever order.
std::string fingerprint(std::span<const X509Certificate> authorities) {
  std::set<std::string> digests;
  for (const X509Certificate& one : authorities) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    X509_digest(one.get(), EVP_sha256(), digest.data(), &size);
    digests.emplace(digest.begin(), digest.begin() + size);
  }
  std::string all;
  for (const std::string& digest : digests) all += digest;
  return all;
}

// Certificates of one set of names and of different kinds of key share a context, in which OpenSSL
// chooses by what the client can verify.
struct Shown {
  std::vector<std::string> names;
  std::set<int> key_types;
};

}  // namespace

// OpenSSL has no function for this, and takes another session only before a handshake. But it reads
// one into what is there: one that says nothing but what was agreed.
void forget_caller(SSL& connection) {
  SSL_SESSION* session = SSL_get_session(&connection);
  const SslSession agreed{SSL_SESSION_new()};
  if (session == nullptr || !agreed) return;
  SSL_SESSION_set_cipher(agreed.get(), SSL_SESSION_get0_cipher(session));
  SSL_SESSION_set_protocol_version(agreed.get(), SSL_SESSION_get_protocol_version(session));
  std::array<unsigned char, longest_agreed> bytes{};
  const int size = i2d_SSL_SESSION(agreed.get(), nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > bytes.size()) return;
  unsigned char* end = bytes.data();
  i2d_SSL_SESSION(agreed.get(), &end);
  SSL_SESSION_set1_ticket_appdata(session, nullptr, 0);  // it would be overwritten, not freed
  const unsigned char* begin = bytes.data();
  d2i_SSL_SESSION(&session, &begin, size);
  STACK_OF(X509)* others = SSL_get_peer_cert_chain(&connection);
  while (others != nullptr && sk_X509_num(others) > 0) X509_free(sk_X509_pop(others));
}

bool SessionAge::resumable(std::int64_t now) const {
  return now >= proven_at && now - proven_at <= session_seconds && now <= not_after;
}

void NameIndex::add(const std::vector<std::string>& names, std::size_t certificate) {
  for (const std::string& name : names) index_.try_emplace(name, certificate);
}

std::size_t NameIndex::find(std::string_view server_name) const {
  if (const auto exact = index_.find(std::string{server_name}); exact != index_.end()) {
    return exact->second;
  }
  const std::size_t dot = server_name.find('.');
  if (dot == std::string_view::npos) return 0;
  std::string name{'*'};
  name += server_name.substr(dot);
  const auto wildcard = index_.find(name);
  return wildcard == index_.end() ? 0 : wildcard->second;
}

SslContext TlsServer::State::make_server_context(policy::Tls::Version minimum) {
  SslContext context = make_context(TLS_server_method(), minimum);
  if (!context || !tickets_.serve(*context)) return nullptr;
  SSL_CTX* raw = context.get();
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // tickets do not need it
  // One for each connection, also a resumed one: who keeps several open has as many.
  SSL_CTX_set_num_tickets(raw, 1);
  SSL_CTX_set_session_id_context(
      raw, static_cast<const unsigned char*>(static_cast<const void*>(session_context.data())),
      static_cast<unsigned>(session_context.size()));
  judge_tickets(raw);
  choose_protocols(raw);
  // The macros for this cast in the old style.
  SSL_CTX_callback_ctrl(raw, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(choose_certificate));
  SSL_CTX_ctrl(raw, SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, this);
  return context;
}

std::expected<void, TlsProblem> TlsServer::State::add_certificates(
    const policy::ListenerTls& policy) {
  std::vector<Shown> shown;
  for (const policy::Certificate& files : policy.certificates) {
    const auto pair = read_key_pair(Generation{files.chain}, files);
    if (!pair) return std::unexpected{pair.error()};
    const X509& leaf = *pair->chain.front();
    const int key_type = EVP_PKEY_get_base_id(pair->key.get());
    certificates_.push_back(status_of(leaf, files.chain));
    auto names = dns_names(leaf);
    const auto same = std::ranges::find_if(shown, [&](const Shown& one) {
      return one.names == names && !one.key_types.contains(key_type);
    });
    const auto position = static_cast<std::size_t>(same - shown.begin());
    if (same == shown.end()) {
      contexts_.push_back(make_server_context(policy.minimum));
      if (!contexts_.back()) return std::unexpected{TlsProblem{files.chain, openssl_reason()}};
      index_.add(names, position);
      shown.push_back({std::move(names), {}});
    }
    shown[position].key_types.insert(key_type);
    if (const auto done = show(*contexts_[position], *pair, files.chain); !done) return done;
  }
  return {};
}

std::expected<void, TlsProblem> TlsServer::State::add_trust(const policy::ListenerTls& policy) {
  trust_ = std::to_string(verify_mode(policy.client)) + '/' + policy.trust_domain;
  if (policy.client == policy::ListenerTls::Client::none) return {};
  const auto authorities = read_bundle(Generation{policy.certificates.front().chain}, policy.ca);
  if (!authorities) return std::unexpected{authorities.error()};
  certificates_.push_back(last_of(*authorities, policy.ca));
  trust_ += '/' + fingerprint(*authorities);
  const X509Trust trust = trust_in(*authorities);
  if (!trust) return std::unexpected{TlsProblem{policy.ca, openssl_reason()}};
  for (const SslContext& context : contexts_) {
    SSL_CTX_set1_cert_store(context.get(), trust.get());
    SSL_CTX_set_verify(context.get(), verify_mode(policy.client), nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), verify_caller, nullptr);
    name_authorities(context.get(), *authorities);
  }
  return {};
}

std::expected<std::unique_ptr<TlsServer::State>, TlsProblem> TlsServer::State::load(
    const policy::ListenerTls& policy) {
  auto state = std::make_unique<State>();
  if (policy.certificates.empty()) {
    return std::unexpected{TlsProblem{"", "a listener that speaks TLS needs a certificate"}};
  }
  if (const auto done = state->add_certificates(policy); !done)
    return std::unexpected{done.error()};
  if (const auto done = state->add_trust(policy); !done) return std::unexpected{done.error()};
  return state;
}

TlsServer::TlsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsServer::~TlsServer() = default;

const std::vector<CertificateStatus>& TlsServer::certificates() const {
  return state_->certificates();
}

const std::string& TlsServer::trust() const { return state_->trust(); }

std::expected<std::shared_ptr<const TlsServer>, TlsProblem> TlsServer::load(
    const policy::ListenerTls& policy) {
  auto state = State::load(policy);
  if (!state) return std::unexpected{std::move(state.error())};
  return std::shared_ptr<const TlsServer>{new TlsServer(std::move(*state))};
}

}  // namespace weir::net
