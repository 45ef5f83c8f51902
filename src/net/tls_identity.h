// What a certificate says about its holder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/openssl.h"
#include "weir/net/tls.h"

namespace weir::net {

// Whether `text` is a SPIFFE id with a path (the SPIFFE-ID standard, 2): whom it names is never
// in doubt, because there is only one way to write it.
bool is_spiffe_id(std::string_view text);

// The SPIFFE id of a leaf (the X509-SVID standard, 5.2): its only URI SAN. Empty when there is none
// or more than one, when it is malformed, or when the certificate may sign others.
std::string spiffe_id(const X509& certificate);

// DNS SANs in small letters, in their order.
std::vector<std::string> dns_names(const X509& certificate);

bool is_authority(const X509& certificate);

// Unix seconds.
std::int64_t not_before(const X509& certificate);
std::int64_t not_after(const X509& certificate);

// As people call it: the SPIFFE id, else the first DNS name, else the subject.
std::string name_of(const X509& certificate);
CertificateStatus status_of(const X509& certificate, std::string file);

// In small letters; what is not a letter stays.
std::string small_letters(std::string_view text);

}  // namespace weir::net
