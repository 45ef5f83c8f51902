// Makes certificates of any kind, and directories to keep them in, for tests of TLS.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/policy/tls.h"

namespace weir::test {

// What a certificate says.
struct CertificateWish {
  std::string common_name = "leaf";
  std::vector<std::string> dns = {};
  std::vector<std::string> uris = {};
  std::vector<std::string> addresses = {};
  // From now.
  std::chrono::seconds valid_from = std::chrono::hours{-1};
  std::chrono::seconds valid_until = std::chrono::hours{1};
  enum class Key { p256, rsa2048, rsa1024 } key = Key::p256;
  enum class Role { leaf, authority } role = Role::leaf;
  // "serverAuth", "clientAuth", both with a comma, or nothing for all.
  std::string usage = {};
};

struct MadeCertificate {
  std::string pem;
  std::string key_pem;
  std::shared_ptr<X509> x509 = {};
  std::shared_ptr<EVP_PKEY> key = {};

  // Signed by this one.
  MadeCertificate sign(const CertificateWish& wish) const;
};

MadeCertificate make_authority(std::string_view common_name);
// With "BEGIN ENCRYPTED PRIVATE KEY".
std::string encrypted_key(const MadeCertificate& certificate, const std::string& passphrase);

// A directory that is removed with everything in it.
class CertificateDirectory {
 public:
  CertificateDirectory();
  CertificateDirectory(const CertificateDirectory&) = delete;
  CertificateDirectory& operator=(const CertificateDirectory&) = delete;
  ~CertificateDirectory();

  const std::string& path() const { return path_; }
  // The path of the file, which is made or replaced.
  std::string write(const std::string& name, std::string_view text) const;
  // `name`.crt and `name`.key, with `others` behind the leaf.
  policy::Certificate write(const std::string& name, const MadeCertificate& certificate,
                            const std::vector<MadeCertificate>& others = {}) const;

 private:
  std::string path_;
};

}  // namespace weir::test
