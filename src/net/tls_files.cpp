#include "net/tls_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "net/tls_identity.h"
#include "weir/net/descriptor.h"

namespace weir::net {
namespace {

using Text = std::expected<std::string, TlsProblem>;
using Certificates = std::expected<std::vector<X509Certificate>, TlsProblem>;

std::unexpected<TlsProblem> problem(const std::string& file, std::string text) {
  return std::unexpected{TlsProblem{file, std::move(text)}};
}

std::string directory_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

std::string base_of(const std::string& file) { return file.substr(file.rfind('/') + 1); }

Text text_of(const std::string& file, int descriptor) {
  std::string text;
  std::array<char, 16384> piece{};
  for (;;) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem(file, fmt::format("{}: {}", file, std::strerror(errno)));
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > Generation::largest_file) {
      return problem(file, fmt::format("{} is larger than 1 MiB: that is no certificate", file));
    }
  }
}

BasicIo reader_of(std::string_view text) {
  return BasicIo{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

// All certificates of a PEM text; other sections between them are left out.
Certificates certificates_of(const std::string& file, std::string_view text) {
  std::vector<X509Certificate> found;
  const BasicIo reader = reader_of(text);
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(one);
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) {
    return problem(file, fmt::format("certificate {} in {} cannot be read: {}", found.size() + 1,
                                     file, openssl_reason()));
  }
  ERR_clear_error();
  if (found.empty()) {
    return problem(file, fmt::format("{} holds no certificate: PEM begins with "
                                     "-----BEGIN CERTIFICATE-----",
                                     file));
  }
  return found;
}

int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::expected<PrivateKey, TlsProblem> key_of(const std::string& file, std::string_view text) {
  bool encrypted = false;
  const BasicIo reader = reader_of(text);
  PrivateKey key{PEM_read_bio_PrivateKey(reader.get(), nullptr, refuse_passphrase, &encrypted)};
  if (key) return key;
  const std::string reason = openssl_reason();
  if (encrypted) {
    return problem(file, fmt::format("the key in {0} is encrypted and nobody is there to type its "
                                     "passphrase: decrypt it with `openssl pkey -in {0}`",
                                     file));
  }
  if (text.find("PRIVATE KEY-----") == std::string_view::npos) {
    return problem(file, fmt::format("{} holds no key: PEM begins with "
                                     "-----BEGIN PRIVATE KEY-----",
                                     file));
  }
  return problem(file, fmt::format("the key in {} cannot be read: {}", file, reason));
}

std::expected<void, TlsProblem> check_validity(const std::string& file, const X509& certificate) {
  const std::int64_t now = std::time(nullptr);
  if (not_after(certificate) < now) {
    return problem(file, fmt::format("the certificate of {} in {} has expired: renew it",
                                     name_of(certificate), file));
  }
  if (not_before(certificate) > now) {
    return problem(file, fmt::format("the certificate of {} in {} is not valid yet: "
                                     "compare the clocks",
                                     name_of(certificate), file));
  }
  return {};
}

std::expected<void, TlsProblem> check_chain(const std::string& file,
                                            std::span<const X509Certificate> chain) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (const auto valid = check_validity(file, *chain[i]); !valid) return valid;
    if (i + 1 == chain.size()) break;
    if (X509_check_issued(chain[i + 1].get(), chain[i].get()) == X509_V_OK) continue;
    return problem(file, fmt::format("the certificates in {} are in the wrong order: number {} is "
                                     "not of who signed number {}",
                                     file, i + 2, i + 1));
  }
  return {};
}

std::expected<void, TlsProblem> check_key(const policy::Certificate& files, const KeyPair& pair) {
  const auto belongs = [&](const X509Certificate& one) {
    return X509_check_private_key(one.get(), pair.key.get()) == 1;
  };
  const auto owner = std::ranges::find_if(pair.chain, belongs);
  ERR_clear_error();
  if (owner == pair.chain.begin()) return {};
  if (owner != pair.chain.end()) {
    return problem(files.chain, fmt::format("the certificates in {} are in the wrong order: the "
                                            "one of the key comes first",
                                            files.chain));
  }
  return problem(files.key, fmt::format("the key in {} does not belong to the certificate in {}",
                                        files.key, files.chain));
}

}  // namespace

std::string openssl_reason() {
  const unsigned long error = ERR_peek_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "no reason is known" : reason;
}

Generation::Generation(const std::string& file) : named_(directory_of(file)) {
  const std::unique_ptr<char, Released<std::free>> real{::realpath(file.c_str(), nullptr)};
  // A link to a file of another name is not a directory that is replaced as a whole.
  if (real && base_of(real.get()) == base_of(file)) resolved_ = directory_of(real.get());
}

std::expected<std::string, TlsProblem> Generation::read(const std::string& file) const {
  Descriptor opened;
  if (!resolved_.empty() && directory_of(file) == named_) {
    const std::string beside = resolved_ + "/" + base_of(file);
    opened = Descriptor{::open(beside.c_str(), O_RDONLY | O_CLOEXEC)};
  }
  if (!opened.open()) opened = Descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status{};
  if (!opened.open() || ::fstat(opened.number(), &status) != 0) {
    return problem(file, fmt::format("{} cannot be opened: {}", file, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) return problem(file, fmt::format("{} is not a file", file));
  return text_of(file, opened.number());
}

std::expected<KeyPair, TlsProblem> read_key_pair(const Generation& generation,
                                                 const policy::Certificate& files) {
  const Text chain_text = generation.read(files.chain);
  if (!chain_text) return std::unexpected{chain_text.error()};
  Text key_text = generation.read(files.key);
  if (!key_text) return std::unexpected{key_text.error()};
  Certificates chain = certificates_of(files.chain, *chain_text);
  if (!chain) return std::unexpected{std::move(chain.error())};
  auto key = key_of(files.key, *key_text);
  OPENSSL_cleanse(key_text->data(), key_text->size());
  if (!key) return std::unexpected{std::move(key.error())};
  KeyPair pair{std::move(*chain), std::move(*key)};
  if (const auto fits = check_key(files, pair); !fits) return std::unexpected{fits.error()};
  if (const auto whole = check_chain(files.chain, pair.chain); !whole) {
    return std::unexpected{whole.error()};
  }
  return pair;
}

Certificates read_bundle(const Generation& generation, const std::string& file) {
  const Text text = generation.read(file);
  if (!text) return std::unexpected{text.error()};
  Certificates all = certificates_of(file, *text);
  if (!all) return all;
  std::erase_if(*all, [](const auto& one) { return !is_authority(*one); });
  if (all->empty()) {
    return problem(file,
                   fmt::format("none of the certificates in {} is an authority (CA:TRUE)", file));
  }
  if (std::ranges::none_of(
          *all, [&](const auto& one) { return check_validity(file, *one).has_value(); })) {
    return problem(file, fmt::format("no authority in {} is valid now", file));
  }
  return all;
}

}  // namespace weir::net
