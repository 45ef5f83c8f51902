#include "net/tls_sessions.h"

#include <ctime>

#include "net/tls_identity.h"

namespace weir::net {
namespace {

// The peer is not verified again when it resumes: no longer than its certificate would pass.
bool usable(const SSL_SESSION* session) {
  const std::int64_t now = std::time(nullptr);
  const std::int64_t age = now - SSL_SESSION_get_time(session);
  if (age < 0 || age >= SSL_SESSION_get_timeout(session)) return false;
  // Only asked; the function is not const in this version of OpenSSL.
  X509* peer = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));  // NOLINT(*-const-cast)
  return peer != nullptr && now <= not_after(*peer) && SSL_SESSION_is_resumable(session) == 1;
}

}  // namespace

// A connection may go on changing its own session: what is kept here is nobody else's.
void TlsSessions::keep(const SessionKey& key, const SSL_SESSION& session) {
  SslSession copy{SSL_SESSION_dup(&session)};
  if (!copy || !usable(copy.get())) return;
  const std::lock_guard lock(mutex_);
  if (kept_.size() >= most_keys && !kept_.contains(key)) kept_.erase(kept_.begin());
  auto& sessions = kept_[key];
  const bool reusable = SSL_SESSION_get_protocol_version(&session) < TLS1_3_VERSION;
  if (reusable) sessions.clear();
  if (sessions.size() >= most_per_key) sessions.erase(sessions.begin());
  sessions.push_back(std::move(copy));
}

SslSession TlsSessions::take(const SessionKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  auto& sessions = found->second;
  while (!sessions.empty()) {
    SslSession latest = std::move(sessions.back());
    sessions.pop_back();
    if (!usable(latest.get())) continue;
    if (SSL_SESSION_get_protocol_version(latest.get()) < TLS1_3_VERSION) {
      sessions.emplace_back(SSL_SESSION_dup(latest.get()));
    }
    return latest;
  }
  kept_.erase(found);
  return nullptr;
}

}  // namespace weir::net
