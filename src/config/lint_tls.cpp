// Certificates, bundles and identities: what one needs of the other.
#include <fmt/format.h>

#include <algorithm>

#include "lint.h"
#include "scalar.h"

namespace weir::config {
namespace {

using policy::ListenerTls;
using policy::Pattern;

constexpr std::string_view scheme = "spiffe://";

// Of a pattern over SPIFFE ids; empty: of any.
std::string_view trust_domain_of(const Pattern& identity) {
  if (identity.kind == Pattern::Kind::any) return {};
  const std::string_view rest = std::string_view{identity.text}.substr(scheme.size());
  return rest.substr(0, rest.find('/'));
}

std::string text_of(const Pattern& identity) { return caller_codec().print(&identity); }

// A section's certificate and key come in pairs.
void lint_pair(const std::string& path, Place certificate, Place key, Findings& findings) {
  const bool has_certificate = findings.find(certificate) != nullptr;
  const bool has_key = findings.find(key) != nullptr;
  if (has_certificate == has_key) return;
  findings.error(has_certificate ? certificate : key,
                 {fmt::format("{0}.{1} is of no use without {0}.{2}", path,
                              has_certificate ? "certificate" : "key",
                              has_certificate ? "key" : "certificate"),
                  ""});
}

void lint_own(const policy::Tls& tls, Findings& findings) {
  const bool directory = findings.find({"tls", "directory"}) != nullptr;
  for (const std::string_view key : {"certificate", "key"}) {
    if (!directory || findings.find({"tls", key}) == nullptr) continue;
    findings.error(
        {"tls", key}, {"tls"},
        {fmt::format("tls.{} stands in tls.directory already: write one of them", key), ""});
    return;
  }
  lint_pair("tls", {"tls", "certificate"}, {"tls", "key"}, findings);
  if (!tls.trust_domain.empty() && tls.ca.empty()) {
    findings.error(
        {"tls", "trust_domain"}, {"tls"},
        {"tls.trust_domain has no bundle that vouches for its members: write tls.ca", ""});
  }
}

void lint_listener(const ListenerTls& tls, Findings& findings) {
  if (tls.mode == ListenerTls::Mode::off) return;
  if (tls.certificates.empty()) {
    findings.error({"inbound", "tls"}, {"tls"},
                   {"inbound.tls has no certificate to show: write tls.certificate and tls.key, or "
                    "inbound.tls.certificates",
                    ""});
  }
  const bool asks = tls.client != ListenerTls::Client::none;
  if (asks && tls.ca.empty()) {
    findings.error({"inbound", "tls"}, {"tls"},
                   {"inbound.tls verifies callers and has no bundle to do so: write tls.ca or "
                    "inbound.tls.ca, or inbound.tls.client: none",
                    ""});
  }
  if (!asks && findings.find({"inbound", "tls", "ca"}) != nullptr) {
    findings.error({"inbound", "tls", "ca"}, {"inbound", "tls", "client"},
                   {"inbound.tls.ca verifies callers, and inbound.tls.client is none", ""});
  }
}

class UpstreamLint {
 public:
  UpstreamLint(const policy::Service& service, const policy::Upstream& upstream, Findings& findings)
      : own_(service.tls), name_(upstream.name), tls_(*upstream.tls), findings_(findings) {}

  void run() {
    lint_pair(fmt::format("upstreams.{}.tls", name_), {"upstreams", name_, "tls", "certificate"},
              {"upstreams", name_, "tls", "key"}, findings_);
    const bool written = findings_.find({"upstreams", name_, "tls", "identities"}) != nullptr;
    if (!written) return any_member();
    if (tls_.identities.empty()) return nobody();
    for (std::size_t index = 0; index < tls_.identities.size(); ++index) identity(index);
  }

 private:
  void nobody() {
    findings_.error(
        {"upstreams", name_, "tls", "identities"},
        {fmt::format("upstreams.{}.tls.identities is empty: no endpoint would pass", name_), ""});
  }

  void any_member() {
    if (tls_.identities.empty()) return;
    findings_.warn({"upstreams", name_, "tls"},
                   {fmt::format("upstreams.{}.tls takes any member of {} for {}: write its "
                                "identities",
                                name_, own_.trust_domain, name_),
                    ""});
  }

  void identity(std::size_t index) {
    const Pattern& identity = tls_.identities[index];
    const Place list{"upstreams", name_, "tls", "identities"};
    const Node* node = findings_.find(list);
    const bool single = node != nullptr && !node->is_list();
    const auto report = [&](std::string message) {
      Complaint complaint{
          fmt::format("upstreams.{}.tls.identities: {} {}", name_, text_of(identity), message), ""};
      if (single) return findings_.error(list, {"tls"}, std::move(complaint));
      findings_.error({"upstreams", name_, "tls", "identities", index}, {"tls"},
                      std::move(complaint));
    };
    if (tls_.ca.empty()) {
      report(findings_.find({"upstreams", name_, "tls", "ca"}) != nullptr
                 ? "is vouched for by a bundle of its own, never by the system's authorities"
                 : "has no bundle that vouches for it: write tls.ca");
      return;
    }
    const bool other = !own_.trust_domain.empty() && tls_.ca == own_.ca &&
                       trust_domain_of(identity) != own_.trust_domain;
    if (other) {
      report(
          fmt::format("is outside the trust domain {}, whose bundle would have to vouch for it: "
                      "write upstreams.{}.tls.ca",
                      own_.trust_domain, name_));
    }
  }

  const policy::Tls& own_;
  std::string_view name_;
  const policy::UpstreamTls& tls_;
  Findings& findings_;
};

// The operator means somebody, and no caller would be anybody.
bool callers_are_known(const policy::Service& service) {
  return service.inbound && service.inbound->tls.mode != ListenerTls::Mode::off &&
         service.inbound->tls.client != ListenerTls::Client::none;
}

constexpr std::string_view unknown_callers =
    "no caller has an identity: write inbound.tls: strict, with certificates of the callers";

class AuthorizationLint {
 public:
  AuthorizationLint(const policy::Service& service, Findings& findings)
      : service_(service), rules_(service.inbound->authorization), findings_(findings) {}

  void run() {
    for (index_ = 0; index_ < rules_.rules.size(); ++index_) rule(rules_.rules[index_]);
    useless();
  }

 private:
  static std::string_view key_of(const policy::AuthorizationRule& rule) {
    return rule.effect == policy::AuthorizationRule::Effect::allow ? "allow" : "deny";
  }

  void report(std::string_view key, std::string_view message) {
    findings_.error(
        {"inbound", "authorization", "rules", index_, key}, {"inbound", "tls"},
        {fmt::format("inbound.authorization.rules[{}].{}: {}", index_, key, message), ""});
  }

  void rule(const policy::AuthorizationRule& rule) {
    const std::string_view key = key_of(rule);
    if (rule.from.empty()) return report(key, "the list is empty: it names nobody");
    const bool everybody = std::ranges::any_of(
        rule.from, [](const Pattern& from) { return from.kind == Pattern::Kind::any; });
    if (everybody && rule.from.size() > 1) {
      return report(key, "\"*\" is everybody: the others in the list say nothing");
    }
    if (!everybody && !callers_are_known(service_)) return report(key, unknown_callers);
    for (const Pattern& from : rule.from) foreign(key, from);
    if (shadowed_) return report(key, "the rule before it fits every call, so it never decides");
    shadowed_ = everybody && rule.methods.empty() && rule.path.kind == Pattern::Kind::any;
  }

  // Of a trust domain that the bundle for callers does not vouch for.
  void foreign(std::string_view key, const Pattern& from) {
    const policy::ListenerTls& tls = service_.inbound->tls;
    const std::string_view domain = trust_domain_of(from);
    if (domain.empty() || tls.trust_domain.empty() || domain == tls.trust_domain) return;
    if (tls.ca != service_.tls.ca) return;  // a bundle with more in it than our own domain
    report(key, fmt::format("{} is outside the trust domain {}, whose bundle would have to vouch "
                            "for it: write inbound.tls.ca",
                            text_of(from), tls.trust_domain));
  }

  void useless() {
    using enum policy::AuthorizationRule::Effect;
    const Place place{"inbound", "authorization"};
    const bool deny_all = rules_.otherwise == deny;
    if (rules_.rules.empty()) {
      if (deny_all && !rules_.dry_run) {
        findings_.error(place, {"inbound.authorization refuses every call: write rules", ""});
      }
      return;
    }
    const bool same = std::ranges::all_of(rules_.rules, [&](const policy::AuthorizationRule& rule) {
      return rule.effect == rules_.otherwise;
    });
    if (!same) return;
    findings_.error(place,
                    {fmt::format("inbound.authorization: every rule {0}, and so does the default: "
                                 "write default: {1}",
                                 deny_all ? "denies" : "allows", deny_all ? "allow" : "deny"),
                     ""});
  }

  const policy::Service& service_;
  const policy::Authorization& rules_;
  Findings& findings_;
  std::size_t index_ = 0;
  bool shadowed_ = false;
};

}  // namespace

void lint_tls(const policy::Service& service, Findings& findings) {
  lint_own(service.tls, findings);
  if (service.inbound) lint_listener(service.inbound->tls, findings);
  for (const auto& upstream : service.upstreams) {
    if (upstream.tls) UpstreamLint{service, upstream, findings}.run();
  }
}

void lint_authorization(const policy::Service& service, Findings& findings) {
  if (service.inbound) AuthorizationLint{service, findings}.run();
  for (std::size_t index = 0; index < service.routes.size(); ++index) {
    if (service.routes[index].match.callers.empty() || callers_are_known(service)) continue;
    findings.error({"routes", index, "match", "caller"}, {"inbound", "tls"},
                   {fmt::format("routes[{}].match.caller: {}", index, unknown_callers), ""});
  }
}

}  // namespace weir::config
