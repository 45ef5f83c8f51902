#include "tls_files.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

namespace weir::config {
namespace {

namespace fs = std::filesystem;

struct Layout {
  std::string_view chain;
  std::string_view key;
  std::string_view ca;
};

constexpr std::array<Layout, 5> layouts{{{"tls.crt", "tls.key", "ca.crt"},
                                         {"svid.pem", "svid_key.pem", "bundle.pem"},
                                         {"svid.pem", "svid_key.pem", "svid_bundle.pem"},
                                         {"svid.0.pem", "svid.0.key", "bundle.0.pem"},
                                         {"cert-chain.pem", "key.pem", "root-cert.pem"}}};

bool stands(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

class Absent {
 public:
  explicit Absent(Findings& findings) : findings_(findings) {}

  void file(Place place, const std::string& path) {
    const Node* written = findings_.find(place);
    if (path.empty() || written == nullptr || written->text != path || stands(path)) return;
    findings_.warn(place, {fmt::format("the file {} does not exist now", path), ""});
  }

 private:
  Findings& findings_;
};

}  // namespace

TlsFiles files_in(std::string_view directory) {
  const fs::path base{directory};
  const auto named = [&](const Layout& layout) {
    return TlsFiles{{(base / layout.chain).string(), (base / layout.key).string()},
                    (base / layout.ca).string()};
  };
  for (const Layout& layout : layouts) {
    if (stands(base / layout.chain) && stands(base / layout.ca)) return named(layout);
  }
  for (const Layout& layout : layouts) {
    if (!stands(base / layout.chain)) continue;
    TlsFiles files = named(layout);
    files.ca.clear();
    return files;
  }
  return named(layouts.front());
}

void find_absent_files(const policy::Service& service, Findings& findings) {
  Absent absent{findings};
  const policy::Certificate own = service.tls.certificate.value_or(policy::Certificate{});
  absent.file({"tls", "certificate"}, own.chain);
  absent.file({"tls", "key"}, own.key);
  absent.file({"tls", "ca"}, service.tls.ca);
  if (findings.find({"tls", "directory"}) != nullptr && !stands(own.chain)) {
    findings.warn(
        {"tls", "directory"},
        {fmt::format("the directory holds no certificate now: {} is awaited", own.chain), ""});
  }
  if (service.inbound) {
    const policy::ListenerTls& tls = service.inbound->tls;
    for (std::size_t index = 0; index < tls.certificates.size(); ++index) {
      absent.file({"inbound", "tls", "certificates", index, "certificate"},
                  tls.certificates[index].chain);
      absent.file({"inbound", "tls", "certificates", index, "key"}, tls.certificates[index].key);
    }
    absent.file({"inbound", "tls", "ca"}, tls.ca);
  }
  for (const auto& upstream : service.upstreams) {
    if (!upstream.tls) continue;
    const std::string_view name = upstream.name;
    const auto shown = upstream.tls->certificate.value_or(policy::Certificate{});
    absent.file({"upstreams", name, "tls", "certificate"}, shown.chain);
    absent.file({"upstreams", name, "tls", "key"}, shown.key);
    absent.file({"upstreams", name, "tls", "ca"}, upstream.tls->ca);
  }
}

}  // namespace weir::config
