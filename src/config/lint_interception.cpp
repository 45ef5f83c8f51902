// Connections that were meant for others: where they can arrive, and to whom they belong.
#include <fmt/format.h>

#include <unordered_map>

#include "lint.h"
#include "scalar.h"

namespace weir::config {
namespace {

using Mode = policy::Interception::Mode;

std::string_view name_of(Mode mode) { return mode == Mode::tproxy ? "tproxy" : "redirect"; }

bool unspecified(const Address& address) {
  return !address.loopback() && policy::twin_of(address).has_value();
}

void lint_listener(std::string_view name, const policy::Listener& listener, Findings& findings) {
  if (listener.intercept.mode == Mode::off) return;
  if (listener.listen.port() == 0) {
    findings.error({name, "listen"}, {name, "intercept"},
                   {fmt::format("{}.listen has port 0, and the rules of interception have to name "
                                "a port",
                                name),
                    ""});
  }
  if (listener.intercept.unmatched == policy::Interception::Unmatched::pass_through &&
      !listener.trusted) {
    findings.warn({name, "trusted"},
                  {fmt::format("{0} does not trust its callers, yet passes on what it does not "
                               "know: set {0}.intercept.unmatched to refuse",
                               name),
                   ""});
  }
}

// Connections from outside arrive at whatever address they were sent to.
void lint_inbound(const policy::Inbound& inbound, Findings& findings) {
  lint_listener("inbound", inbound, findings);
  const Mode mode = inbound.intercept.mode;
  if (mode == Mode::off) return;
  if (!unspecified(inbound.listen)) {
    findings.error({"inbound", "listen"}, {"inbound", "intercept"},
                   {fmt::format("inbound.intercept: {} brings connections to every address of the "
                                "host, and inbound.listen ({}) is one of them only",
                                name_of(mode), inbound.listen.text()),
                    fmt::format("0.0.0.0:{}", inbound.listen.port())});
  }
  if (inbound.tls.mode == policy::ListenerTls::Mode::strict &&
      inbound.intercept.unmatched == policy::Interception::Unmatched::pass_through) {
    findings.warn({"inbound", "tls"},
                  {fmt::format("inbound.tls: strict guards port {}, the application's; other ports "
                               "are passed through as they come: set inbound.intercept.unmatched "
                               "to refuse",
                               inbound.application.port()),
                   ""});
  }
  if (mode == Mode::tproxy && inbound.application.loopback()) {
    findings.warn({"inbound", "application"},
                  {"inbound.intercept: tproxy calls the application from the caller's address, at "
                   "the address that was called: it must listen on 0.0.0.0 or [::], and "
                   "inbound.application says the port only",
                   ""});
  }
}

// What the application calls itself comes back over the loopback interface, and so it arrives
// there.
void lint_outbound(const policy::Outbound& outbound, Findings& findings) {
  lint_listener("outbound", outbound, findings);
  if (outbound.intercept.mode == Mode::tproxy) {
    const bool word = findings.find({"outbound", "intercept", "mode"}) == nullptr;
    const Complaint complaint{"outbound.intercept: tproxy serves inbound calls only", "redirect"};
    if (word) {
      findings.error({"outbound", "intercept"}, complaint);
    } else {
      findings.error({"outbound", "intercept", "mode"}, complaint);
    }
    return;
  }
  if (outbound.intercept.mode == Mode::off || policy::twin_of(outbound.listen)) return;
  findings.error({"outbound", "listen"}, {"outbound", "intercept"},
                 {fmt::format("outbound.intercept: redirect brings connections to 127.0.0.1 and "
                              "[::1], never to outbound.listen ({})",
                              outbound.listen.text()),
                  fmt::format("127.0.0.1:{}", outbound.listen.port())});
}

bool collide(const Address& left, const Address& right) {
  if (left.port() != right.port() || left.port() == 0) return false;
  return left.host() == right.host() || unspecified(left) || unspecified(right);
}

class TcpLint {
 public:
  TcpLint(const policy::Service& service, Findings& findings)
      : service_(service), listeners_(service.outbound->tcp), findings_(findings) {}

  void run() {
    for (index_ = 0; index_ < listeners_.size(); ++index_) {
      target();
      taken();
    }
  }

 private:
  void target() {
    std::vector<std::string_view> names;
    for (const auto& upstream : service_.upstreams) {
      if (upstream.name == listeners_[index_].to) return;
      names.push_back(upstream.name);
    }
    if (!findings_.written("upstreams") && findings_.flawed({})) return;
    findings_.error({"outbound", "tcp", index_, "to"},
                    {fmt::format("outbound.tcp[{}].to: there is no upstream \"{}\"", index_,
                                 listeners_[index_].to),
                     std::string{nearest(listeners_[index_].to, names).value_or("")}});
  }

  void taken() {
    const auto against = [&](std::string_view what, const Address& other) {
      if (!collide(listeners_[index_].listen, other)) return;
      findings_.error({"outbound", "tcp", index_, "listen"},
                      {fmt::format("outbound.tcp[{}].listen ({}) and {} ({}) are one address",
                                   index_, listeners_[index_].listen.text(), what, other.text()),
                       ""});
    };
    if (service_.inbound) {
      against("inbound.listen", service_.inbound->listen);
      against("inbound.application", service_.inbound->application);
    }
    against("outbound.listen", service_.outbound->listen);
    if (service_.admin.listen) against("admin.listen", *service_.admin.listen);
    for (std::size_t before = 0; before < index_; ++before) {
      against(fmt::format("outbound.tcp[{}].listen", before), listeners_[before].listen);
    }
  }

  const policy::Service& service_;
  const std::vector<policy::TcpListener>& listeners_;
  Findings& findings_;
  std::size_t index_ = 0;
};

// An intercepted connection must belong to one upstream.
void lint_owners(const policy::Service& service, Findings& findings) {
  std::unordered_map<Address, std::string_view> owners;
  for (const auto& upstream : service.upstreams) {
    for (const auto& endpoint : upstream.endpoints) owners.emplace(endpoint.address, upstream.name);
  }
  for (const auto& upstream : service.upstreams) {
    const std::string_view name = upstream.name;
    for (std::size_t index = 0; index < upstream.addresses.size(); ++index) {
      const Address& address = upstream.addresses[index];
      const auto [owner, fresh] = owners.emplace(address, name);
      if (fresh) continue;
      const std::string whose =
          owner->second == name ? "this upstream" : fmt::format("upstream \"{}\"", owner->second);
      findings.error({"upstreams", name, "addresses", index},
                     {fmt::format("upstreams.{}.addresses[{}]: {} belongs to {} already", name,
                                  index, address.text(), whose),
                      ""});
    }
    const bool intercepted = service.outbound && service.outbound->intercept.mode != Mode::off;
    if (upstream.addresses.empty() || intercepted) continue;
    findings.warn({"upstreams", name, "addresses"},
                  {fmt::format("upstreams.{}.addresses serves intercepted connections, and "
                               "outbound.intercept is off",
                               name),
                   ""});
  }
}

}  // namespace

void lint_interception(const policy::Service& service, Findings& findings) {
  if (service.inbound) lint_inbound(*service.inbound, findings);
  if (service.outbound) {
    lint_outbound(*service.outbound, findings);
    TcpLint{service, findings}.run();
  }
  lint_owners(service, findings);
}

}  // namespace weir::config
