#include "net/tls_identity.h"

#include <algorithm>
#include <ctime>

namespace weir::net {
namespace {

constexpr std::string_view scheme = "spiffe://";
constexpr std::size_t longest_id = 2048;
constexpr std::size_t longest_trust_domain = 255;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_in_trust_domain(char c) {
  return (is_letter_or_digit(c) && !(c >= 'A' && c <= 'Z')) || c == '.' || c == '-' || c == '_';
}

bool is_in_segment(char c) { return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_'; }

// Only reads; the library's function wants to cache in what it is given.
X509* mutable_of(const X509& certificate) {
  return const_cast<X509*>(&certificate);  // NOLINT(*-const-cast)
}

GeneralNames alternative_names(const X509& certificate) {
  return GeneralNames{static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr))};
}

std::string_view text_of(const ASN1_STRING* text) {
  return {static_cast<const char*>(static_cast<const void*>(ASN1_STRING_get0_data(text))),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::int64_t unix_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

}  // namespace

std::string small_letters(std::string_view text) {
  std::string small{text};
  std::ranges::transform(small, small.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return small;
}

bool is_spiffe_id(std::string_view text) {
  if (!text.starts_with(scheme) || text.size() > longest_id) return false;
  text.remove_prefix(scheme.size());
  const std::size_t domain = text.find('/');
  if (domain == 0 || domain > longest_trust_domain || domain == std::string_view::npos) {
    return false;
  }
  if (!std::ranges::all_of(text.substr(0, domain), is_in_trust_domain)) return false;
  for (text.remove_prefix(domain); !text.empty();) {
    text.remove_prefix(1);
    const std::string_view segment = text.substr(0, text.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (!std::ranges::all_of(segment, is_in_segment)) return false;
    text.remove_prefix(segment.size());
  }
  return true;
}

bool is_authority(const X509& certificate) { return X509_check_ca(mutable_of(certificate)) > 0; }

std::string spiffe_id(const X509& certificate) {
  if (is_authority(certificate)) return {};
  const GeneralNames names = alternative_names(certificate);
  if (!names) return {};
  std::string id;
  int uris = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    ++uris;
    id = text_of(name->d.uniformResourceIdentifier);
  }
  return uris == 1 && is_spiffe_id(id) ? id : std::string{};
}

std::vector<std::string> dns_names(const X509& certificate) {
  std::vector<std::string> found;
  const GeneralNames names = alternative_names(certificate);
  for (int i = 0; i < (names ? sk_GENERAL_NAME_num(names.get()) : 0); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) found.push_back(small_letters(text_of(name->d.dNSName)));
  }
  return found;
}

std::int64_t not_before(const X509& certificate) {
  return unix_seconds(X509_get0_notBefore(&certificate));
}

std::int64_t not_after(const X509& certificate) {
  return unix_seconds(X509_get0_notAfter(&certificate));
}

std::string name_of(const X509& certificate) {
  if (std::string id = spiffe_id(certificate); !id.empty()) return id;
  if (auto names = dns_names(certificate); !names.empty()) return names.front();
  const BasicIo text{BIO_new(BIO_s_mem())};
  X509_NAME_print_ex(text.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* begin = nullptr;
  const long size = BIO_get_mem_data(text.get(), &begin);
  return size > 0 ? std::string(begin, static_cast<std::size_t>(size)) : std::string{};
}

CertificateStatus status_of(const X509& certificate, std::string file) {
  return {.file = std::move(file),
          .subject = name_of(certificate),
          .not_before = not_before(certificate),
          .not_after = not_after(certificate)};
}

}  // namespace weir::net
