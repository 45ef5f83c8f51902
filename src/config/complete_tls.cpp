// What listeners and upstreams take from the service's `tls`.
#include "complete.h"

namespace weir::config {
namespace {

using policy::Pattern;

bool whole(const std::optional<policy::Certificate>& certificate) {
  return certificate && !certificate->chain.empty() && !certificate->key.empty();
}

void complete_listener(policy::ListenerTls& tls, const policy::Tls& own, const Findings& findings) {
  if (tls.mode == policy::ListenerTls::Mode::off) return;
  if (tls.certificates.empty() && whole(own.certificate)) tls.certificates = {*own.certificate};
  if (tls.ca.empty()) tls.ca = own.ca;
  if (tls.trust_domain.empty()) tls.trust_domain = own.trust_domain;
  if (findings.find({"inbound", "tls", "minimum"}) == nullptr) tls.minimum = own.minimum;
}

// Other ports than the application's are passed through as they come, which is not what somebody
// means who asks for TLS.
void complete_interception(policy::Inbound& inbound, const Findings& findings) {
  if (inbound.tls.mode != policy::ListenerTls::Mode::strict) return;
  if (findings.find({"inbound", "intercept", "unmatched"}) != nullptr) return;
  inbound.intercept.unmatched = policy::Interception::Unmatched::refuse;
}

// What identifies the endpoints where the operator does not say: the name that was written, or
// being a member at all.
void complete_identity(policy::Upstream& upstream, const policy::Tls& own,
                       const Findings& findings) {
  policy::UpstreamTls& tls = *upstream.tls;
  const bool inside = !tls.ca.empty() && tls.ca == own.ca && !own.trust_domain.empty();
  const bool written = findings.find({"upstreams", upstream.name, "tls", "identities"}) != nullptr;
  if (!written && tls.server_name.empty() && inside) {
    tls.identities.push_back({Pattern::Kind::prefix, "spiffe://" + own.trust_domain + "/"});
  }
  if (tls.server_name.empty()) tls.server_name = upstream.name;
}

void complete_upstream(policy::Upstream& upstream, const policy::Tls& own,
                       const Findings& findings) {
  policy::UpstreamTls& tls = *upstream.tls;
  if (tls.ca.empty()) {
    tls.ca = own.ca;
  } else if (tls.ca == "system") {
    tls.ca.clear();
  }
  // Who is not verified by our own bundle is not one of us, and is not told who we are.
  if (!tls.certificate && whole(own.certificate) && tls.ca == own.ca) {
    tls.certificate = own.certificate;
  }
  if (findings.find({"upstreams", upstream.name, "tls", "minimum"}) == nullptr) {
    tls.minimum = own.minimum;
  }
  complete_identity(upstream, own, findings);
}

}  // namespace

void complete_tls(policy::Service& service, const Findings& findings) {
  if (service.inbound) {
    complete_listener(service.inbound->tls, service.tls, findings);
    complete_interception(*service.inbound, findings);
  }
  for (auto& upstream : service.upstreams) {
    if (upstream.tls) complete_upstream(upstream, service.tls, findings);
  }
}

}  // namespace weir::config
