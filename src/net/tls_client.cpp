#include "net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "net/tls_context.h"
#include "net/tls_identity.h"
#include "net/tls_transport.h"

namespace weir::net {
namespace {

using namespace std::string_view_literals;

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(AF_INET, name.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), ignored.data()) == 1;
}

// OpenSSL copies the name; its macro for this casts in the old style.
void set_server_name(SSL& ssl, const std::string& name) {
  SSL_ctrl(&ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(name.c_str()));  // NOLINT(*-const-cast)
}

int verify(X509_STORE_CTX* chain, void* state) {
  if (X509_verify_cert(chain) != 1) return 0;
  const X509* leaf = X509_STORE_CTX_get0_cert(chain);
  if (static_cast<const TlsClient::State*>(state)->is_meant(*leaf)) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

// OpenSSL's own reference stays with the connection.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
  if (auto* transport = static_cast<TlsTransport*>(SSL_get_app_data(ssl))) {
    transport->on_session(*session);
  }
  return 0;
}

}  // namespace

std::string_view offered_protocols(Alpn alpn) {
  switch (alpn) {
    case Alpn::http_1_1: return "\x08http/1.1"sv;
    case Alpn::h2: return "\x02h2"sv;
    case Alpn::h2_or_http_1_1: return "\x02h2\x08http/1.1"sv;
    case Alpn::nothing: return {};
  }
  return {};
}

bool is_agreed(Alpn asked, std::string_view chosen) {
  switch (asked) {
    case Alpn::http_1_1: return chosen.empty() || chosen == "http/1.1";
    case Alpn::h2: return chosen == "h2";
    case Alpn::h2_or_http_1_1: return chosen.empty() || chosen == "h2" || chosen == "http/1.1";
    case Alpn::nothing: return chosen.empty();
  }
  return false;
}

bool TlsClient::State::is_meant(const X509& certificate) const {
  if (identities_.empty()) return true;  // the name has been checked
  const std::string id = spiffe_id(certificate);
  return !id.empty() && std::ranges::any_of(identities_, [&](const policy::Pattern& one) {
    return one.matches(id);
  });
}

Ssl TlsClient::State::connection(const SessionKey& key) const {
  Ssl ssl{SSL_new(context_.get())};
  if (!ssl) return nullptr;
  if (!server_name_.empty()) set_server_name(*ssl, server_name_);
  const std::string_view protocols = offered_protocols(key.alpn);
  if (!protocols.empty()) {
    SSL_set_alpn_protos(
        ssl.get(), static_cast<const unsigned char*>(static_cast<const void*>(protocols.data())),
        static_cast<unsigned>(protocols.size()));
  }
  if (const SslSession session = sessions_.take(key)) SSL_set_session(ssl.get(), session.get());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

std::expected<void, TlsProblem> TlsClient::State::add_certificate(
    const policy::UpstreamTls& policy) {
  if (!policy.certificate) return {};
  const auto pair = read_key_pair(Generation{policy.certificate->chain}, *policy.certificate);
  if (!pair) return std::unexpected{pair.error()};
  certificates_.push_back(status_of(*pair->chain.front(), policy.certificate->chain));
  return show(*context_, *pair, policy.certificate->chain);
}

std::expected<void, TlsProblem> TlsClient::State::add_trust(const policy::UpstreamTls& policy) {
  if (policy.ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(context_.get()) == 1) return {};
    return std::unexpected{TlsProblem{
        "", "the system's certificate authorities cannot be loaded: " + openssl_reason()}};
  }
  const Generation generation{policy.certificate ? policy.certificate->chain : policy.ca};
  const auto authorities = read_bundle(generation, policy.ca);
  if (!authorities) return std::unexpected{authorities.error()};
  certificates_.push_back(last_of(*authorities, policy.ca));
  const X509Trust trust = trust_in(*authorities);
  if (!trust) return std::unexpected{TlsProblem{policy.ca, openssl_reason()}};
  SSL_CTX_set1_cert_store(context_.get(), trust.get());
  return {};
}

std::expected<void, TlsProblem> TlsClient::State::expect_peer(const policy::UpstreamTls& policy) {
  const bool address = is_address(policy.server_name);
  if (!address) server_name_ = small_letters(policy.server_name);
  identities_ = policy.identities;
  if (!identities_.empty()) return {};
  X509_VERIFY_PARAM* parameters = SSL_CTX_get0_param(context_.get());
  X509_VERIFY_PARAM_set_hostflags(
      parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int expected =
      address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, policy.server_name.c_str())
              : X509_VERIFY_PARAM_set1_host(parameters, server_name_.data(), server_name_.size());
  // An empty name would be taken for "whoever it is".
  if (expected == 1 && !policy.server_name.empty()) return {};
  return std::unexpected{
      TlsProblem{"", "an upstream with TLS needs `server_name` or `identities`: whom to believe"}};
}

std::expected<std::unique_ptr<TlsClient::State>, TlsProblem> TlsClient::State::load(
    const policy::UpstreamTls& policy) {
  auto state = std::make_unique<State>();
  state->context_ = make_context(TLS_client_method(), policy.minimum);
  SSL_CTX* context = state->context_.get();
  if (context == nullptr) return std::unexpected{TlsProblem{"", openssl_reason()}};
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify, state.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
  if (const auto done = state->add_certificate(policy); !done) return std::unexpected{done.error()};
  if (const auto done = state->add_trust(policy); !done) return std::unexpected{done.error()};
  if (const auto done = state->expect_peer(policy); !done) return std::unexpected{done.error()};
  return state;
}

TlsClient::TlsClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsClient::~TlsClient() = default;

const std::vector<CertificateStatus>& TlsClient::certificates() const {
  return state_->certificates();
}

std::expected<std::shared_ptr<const TlsClient>, TlsProblem> TlsClient::load(
    const policy::UpstreamTls& policy) {
  auto state = State::load(policy);
  if (!state) return std::unexpected{std::move(state.error())};
  return std::shared_ptr<const TlsClient>{new TlsClient(std::move(*state))};
}

}  // namespace weir::net
