#include "certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace weir::test {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;

void require(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(what);
}

Key make_key(CertificateWish::Key kind) {
  EVP_PKEY* key = nullptr;
  switch (kind) {
    case CertificateWish::Key::p256: key = EVP_EC_gen("P-256"); break;
    case CertificateWish::Key::rsa2048: key = EVP_RSA_gen(2048); break;
    case CertificateWish::Key::rsa1024: key = EVP_RSA_gen(1024); break;
  }
  require(key != nullptr, "key");
  return Key{key, EVP_PKEY_free};
}

std::string text_of(BIO* memory) {
  char* begin = nullptr;
  const long size = BIO_get_mem_data(memory, &begin);
  std::string text(begin, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

std::string key_text(EVP_PKEY* key, const EVP_CIPHER* cipher, const char* passphrase) {
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(memory, key, cipher, nullptr, 0, nullptr,
                                const_cast<char*>(passphrase));
  return text_of(memory);
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const CertificateWish& wish) {
  std::string text;
  const auto add = [&](const char* kind, const std::vector<std::string>& names) {
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + (kind + name);
  };
  add("DNS:", wish.dns);
  add("URI:", wish.uris);
  add("IP:", wish.addresses);
  return text;
}

// Null `issuer`: signed by itself.
MadeCertificate make(const CertificateWish& wish, const MadeCertificate* issuer) {
  static std::atomic<long> serial = 1;
  MadeCertificate made;
  made.key = make_key(wish.key);
  X509* certificate = X509_new();
  made.x509 = {certificate, X509_free};
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.valid_from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.valid_until.count());
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* common_name = reinterpret_cast<const unsigned char*>(wish.common_name.c_str());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common_name, -1, -1, 0);
  X509* issued_by = issuer == nullptr ? certificate : issuer->x509.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(issued_by));
  X509_set_pubkey(certificate, made.key.get());
  const bool authority = wish.role == CertificateWish::Role::authority;
  extend(certificate, issued_by, NID_basic_constraints,
         authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(certificate, issued_by, NID_key_usage,
         authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  extend(certificate, issued_by, NID_ext_key_usage, wish.usage);
  extend(certificate, issued_by, NID_subject_alt_name, alternative_names(wish));
  EVP_PKEY* signing = issuer == nullptr ? made.key.get() : issuer->key.get();
  require(X509_sign(certificate, signing, EVP_sha256()) > 0, "signature");
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, certificate);
  made.pem = text_of(memory);
  made.key_pem = key_text(made.key.get(), nullptr, nullptr);
  return made;
}

}  // namespace

MadeCertificate MadeCertificate::sign(const CertificateWish& wish) const {
  return make(wish, this);
}

MadeCertificate make_authority(std::string_view common_name) {
  return make({.common_name = std::string{common_name},
               .valid_from = std::chrono::hours{-24 * 365},
               .valid_until = std::chrono::hours{24 * 365},
               .role = CertificateWish::Role::authority},
              nullptr);
}

std::string encrypted_key(const MadeCertificate& certificate, const std::string& passphrase) {
  return key_text(certificate.key.get(), EVP_aes_128_cbc(), passphrase.c_str());
}

CertificateDirectory::CertificateDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "weir-tls-XXXXXX").string();
  require(::mkdtemp(path_.data()) != nullptr, "mkdtemp");
}

CertificateDirectory::~CertificateDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string CertificateDirectory::write(const std::string& name, std::string_view text) const {
  const std::string file = path_ + "/" + name;
  std::ofstream{file, std::ios::trunc} << text;
  return file;
}

policy::Certificate CertificateDirectory::write(const std::string& name,
                                                const MadeCertificate& certificate,
                                                const std::vector<MadeCertificate>& others) const {
  std::string chain = certificate.pem;
  for (const MadeCertificate& other : others) chain += other.pem;
  return {.chain = write(name + ".crt", chain), .key = write(name + ".key", certificate.key_pem)};
}

}  // namespace weir::test
