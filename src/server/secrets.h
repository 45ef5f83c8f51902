// The TLS contexts in force, and the files that they were made of.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/net/tls.h"
#include "weir/policy/service.h"
#include "weir/proxy/snapshot.h"

namespace weir::server {

// A value: one consistent generation of certificates, keys and bundles.
class Secrets {
 public:
  // Everything that `service` needs, or the first file that cannot be used. What neither policy nor
  // files have changed since `before` is kept, and with it the sessions that can be resumed. Blocks
  // on files.
  static std::expected<Secrets, net::TlsProblem> load(const policy::Service& service,
                                                      const Secrets& before);

  proxy::TlsContexts contexts() const;
  // All that were read, sorted.
  std::vector<std::string> files() const;
  std::vector<net::CertificateStatus> certificates() const;
  bool empty() const { return server_.context == nullptr && clients_.empty(); }
  // Whether every context is the same.
  bool operator==(const Secrets& other) const = default;

 private:
  template <class Context>
  struct Loaded {
    std::shared_ptr<const Context> context;
    std::string origin;  // the policy and the files' contents, as a key
    std::vector<std::string> files;
    bool operator==(const Loaded& other) const { return context == other.context; }
  };
  template <class Context, class Policy>
  static std::expected<Loaded<Context>, net::TlsProblem> renew(const Policy& policy,
                                                               const Loaded<Context>* before);

  Loaded<net::TlsServer> server_;
  std::map<std::string, Loaded<net::TlsClient>, std::less<>> clients_;  // by upstream
};

}  // namespace weir::server
