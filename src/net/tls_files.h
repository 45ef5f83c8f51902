// Certificates, keys and bundles as they lie in files.
//
// Kubernetes and SPIFFE's helpers replace a whole directory by turning a symbolic link (`..data`).
// What lies together is read from one directory, resolved once, so that never the certificate of
// one generation meets the key of another.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "net/openssl.h"
#include "weir/net/tls.h"
#include "weir/policy/tls.h"

namespace weir::net {

// The directory of one file as it was when that file was resolved.
class Generation {
 public:
  explicit Generation(const std::string& file);

  // The text of `file`: from this directory when it is named beside the first, else from where it
  // lies.
  std::expected<std::string, TlsProblem> read(const std::string& file) const;

  static constexpr std::size_t largest_file = 1UL << 20;

 private:
  std::string named_;     // the directory as the operator wrote it
  std::string resolved_;  // empty: it could not be resolved
};

// A certificate with what it needs to be shown.
struct KeyPair {
  std::vector<X509Certificate> chain;  // the leaf first; each is signed by the next
  PrivateKey key;                      // belongs to the leaf
};

// Everything is checked: the order, the key, that nothing has expired and all is valid already.
std::expected<KeyPair, TlsProblem> read_key_pair(const Generation& generation,
                                                 const policy::Certificate& files);

// The authorities of a bundle, at least one of them valid now.
std::expected<std::vector<X509Certificate>, TlsProblem> read_bundle(const Generation& generation,
                                                                    const std::string& file);

// What OpenSSL complained of last, for the end of a sentence; its queue is empty afterwards.
std::string openssl_reason();

}  // namespace weir::net
