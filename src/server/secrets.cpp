#include "server/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "weir/base/hash.h"

namespace weir::server {
namespace {

// Gathers what a context is made of.
class Origin {
 public:
  void add(std::string_view text) {
    key_ += text;
    key_ += '\0';
  }
  template <class Enumeration>
  void add_choice(Enumeration choice) {
    add(std::to_string(static_cast<int>(choice)));
  }
  // A file that cannot be read is left to whoever needs it.
  void add_file(const std::string& path) {
    if (path.empty()) return add("");
    add(path);
    std::ifstream file{path, std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>{file}, {}};
    add(fmt::format("{}/{:x}/{:x}", content.size(), stable_hash(content, 1),
                    stable_hash(content, 2)));
    files_.push_back(path);
  }
  void add(const policy::Certificate& certificate) {
    add_file(certificate.chain);
    add_file(certificate.key);
  }
  void add(const policy::ListenerTls& tls) {
    add_choice(tls.client);
    add_choice(tls.minimum);
    for (const auto& certificate : tls.certificates) add(certificate);
    add_file(tls.ca);
    add(tls.trust_domain);
  }
  void add(const policy::UpstreamTls& tls) {
    add_choice(tls.minimum);
    if (tls.certificate) add(*tls.certificate);
    add_file(tls.ca);
    add(tls.server_name);
    for (const auto& identity : tls.identities) {
      add_choice(identity.kind);
      add(identity.text);
    }
  }

  const std::string& key() const { return key_; }
  std::vector<std::string> take_files() { return std::move(files_); }

 private:
  std::string key_;
  std::vector<std::string> files_;
};

}  // namespace

template <class Context, class Policy>
std::expected<Secrets::Loaded<Context>, net::TlsProblem> Secrets::renew(
    const Policy& policy, const Loaded<Context>* before) {
  // Before they are read: what changes meanwhile is seen as a change the next time.
  Origin origin;
  origin.add(policy);
  if (before != nullptr && before->context && before->origin == origin.key()) return *before;
  auto context = Context::load(policy);
  if (!context) return std::unexpected(std::move(context.error()));
  return Loaded<Context>{std::move(*context), origin.key(), origin.take_files()};
}

std::expected<Secrets, net::TlsProblem> Secrets::load(const policy::Service& service,
                                                      const Secrets& before) {
  Secrets secrets;
  if (service.inbound && service.inbound->tls.mode != policy::ListenerTls::Mode::off) {
    auto server = renew<net::TlsServer>(service.inbound->tls, &before.server_);
    if (!server) return std::unexpected(std::move(server.error()));
    secrets.server_ = std::move(*server);
  }
  for (const policy::Upstream& upstream : service.upstreams) {
    if (!upstream.tls) continue;
    const auto known = before.clients_.find(upstream.name);
    auto client = renew<net::TlsClient>(*upstream.tls,
                                        known == before.clients_.end() ? nullptr : &known->second);
    if (!client) return std::unexpected(std::move(client.error()));
    secrets.clients_.emplace(upstream.name, std::move(*client));
  }
  return secrets;
}

proxy::TlsContexts Secrets::contexts() const {
  proxy::TlsContexts contexts{.inbound = server_.context, .upstreams = {}};
  for (const auto& [name, client] : clients_) contexts.upstreams.emplace(name, client.context);
  return contexts;
}

std::vector<std::string> Secrets::files() const {
  std::set<std::string> files{server_.files.begin(), server_.files.end()};
  for (const auto& [name, client] : clients_) {
    files.insert(client.files.begin(), client.files.end());
  }
  return {files.begin(), files.end()};
}

// Several upstreams may show the same certificate.
std::vector<net::CertificateStatus> Secrets::certificates() const {
  std::vector<net::CertificateStatus> all;
  const auto add = [&all](const std::vector<net::CertificateStatus>& certificates) {
    for (const auto& one : certificates) {
      const bool known = std::ranges::any_of(all, [&one](const auto& other) {
        return one.file == other.file && one.subject == other.subject;
      });
      if (!known) all.push_back(one);
    }
  };
  if (server_.context) add(server_.context->certificates());
  for (const auto& [name, client] : clients_) add(client.context->certificates());
  return all;
}

}  // namespace weir::server
