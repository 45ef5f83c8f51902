// Which files of a directory are certificate, key and bundle, and which files are not there.
#pragma once

#include <string>

#include "findings.h"
#include "weir/policy/service.h"

namespace weir::config {

struct TlsFiles {
  policy::Certificate certificate;
  std::string ca;  // empty: the directory has a certificate and no bundle
};

// By the names of Kubernetes (tls.crt), of SPIFFE's helpers (svid.pem, svid.0.pem) and of meshes
// that came before (cert-chain.pem): the first whose certificate exists. Nothing there yet, because
// it is filled later: those of Kubernetes.
TlsFiles files_in(std::string_view directory);

// Warns of every file of certificates that does not exist now.
void find_absent_files(const policy::Service& service, Findings& findings);

}  // namespace weir::config
