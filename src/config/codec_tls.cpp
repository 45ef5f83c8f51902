// Identities, names and files of TLS.
#include <fmt/format.h>

#include <algorithm>

#include "codec.h"
#include "tls_files.h"

namespace weir::config {
namespace {

using policy::Pattern;

constexpr std::string_view scheme = "spiffe://";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-._";
constexpr std::string_view path_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";

// SPIFFE-ID, 2.1: at most 255 bytes of small letters, digits, dots, dashes and underscores.
bool is_trust_domain(std::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         text.find_first_not_of(letters) == std::string_view::npos;
}

// SPIFFE-ID, 2.2: segments that are not empty and lead nowhere else.
bool is_spiffe_path(std::string_view path) {
  while (!path.empty()) {
    if (!path.starts_with('/')) return false;
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == ".." ||
        segment.find_first_not_of(path_letters) != std::string_view::npos) {
      return false;
    }
    path.remove_prefix(segment.size());
  }
  return true;
}

struct TrustDomainTrait {
  using Value = std::string;
  static std::string_view type() { return "trust domain"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^[a-z0-9._-]{1,255}$|\\$\\{"})";
  }
  static Parsed<std::string> parse(std::string_view text) {
    if (is_trust_domain(text)) return std::string{text};
    std::string cured = lower(text);
    if (cured.starts_with(scheme)) cured.erase(0, scheme.size());
    cured.erase(std::min(cured.find_first_of("/:"), cured.size()));
    return wrong(fmt::format("\"{}\" is not a trust domain such as example.org", text),
                 is_trust_domain(cured) ? cured : "");
  }
  static std::string_view print(const std::string& value) { return value; }
};

struct IdentityTrait {
  using Value = Pattern;
  static std::string_view type() { return "SPIFFE id"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^spiffe://[a-z0-9._-]+/.+$|\\$\\{"})";
  }
  static Parsed<Pattern> parse(std::string_view text) {
    constexpr std::size_t longest = 2048;  // SPIFFE-ID, 2.3
    if (text.size() > longest) {
      return wrong(fmt::format("a SPIFFE id has at most {} bytes, not {}", longest, text.size()));
    }
    if (!text.starts_with(scheme)) return no_scheme(text);
    const std::string_view rest = text.substr(scheme.size());
    const std::string_view domain = rest.substr(0, rest.find('/'));
    const std::string_view path = rest.substr(domain.size());
    if (!is_trust_domain(domain)) return no_domain(text, domain, path);
    if (path.ends_with("/*") && is_spiffe_path(path.substr(0, path.size() - 2))) {
      return Pattern{Pattern::Kind::prefix, std::string{text.substr(0, text.size() - 1)}};
    }
    if (path.empty() || path == "/") {
      return wrong(fmt::format("\"{}\" is a whole trust domain", text),
                   fmt::format("{}{}/*", scheme, domain));
    }
    if (is_spiffe_path(path)) return Pattern{Pattern::Kind::exact, std::string{text}};
    return no_path(text, path);
  }
  static std::string print(const Pattern& value) { return value_pattern_codec().print(&value); }

 private:
  static std::string good_or_nothing(const std::string& text) {
    return parse(text) ? text : std::string{};
  }
  static std::unexpected<Complaint> no_scheme(std::string_view text) {
    if (text == "*") {
      return wrong("\"*\" is everybody: name SPIFFE ids, such as spiffe://example.org/*");
    }
    const auto colon = text.find("://");
    const std::string_view rest = colon == std::string_view::npos ? text : text.substr(colon + 3);
    const bool guess = rest.find('/') != std::string_view::npos && !rest.starts_with('/');
    return wrong(
        fmt::format("\"{}\" is not a SPIFFE id such as spiffe://example.org/catalog", text),
        guess ? good_or_nothing(fmt::format("{}{}", scheme, rest)) : "");
  }
  static std::unexpected<Complaint> no_domain(std::string_view text, std::string_view domain,
                                              std::string_view path) {
    std::string cured = lower(domain);
    cured = cured.substr(0, cured.find(':'));
    return wrong(
        fmt::format("\"{}\": \"{}\" is not a trust domain such as example.org", text, domain),
        good_or_nothing(fmt::format("{}{}{}", scheme, cured, path)));
  }
  static std::unexpected<Complaint> no_path(std::string_view text, std::string_view path) {
    if (const auto end = text.find_first_of("?#"); end != std::string_view::npos) {
      return wrong(fmt::format("\"{}\": a SPIFFE id has neither query nor fragment", text),
                   good_or_nothing(std::string{text.substr(0, end)}));
    }
    if (path.find('*') != std::string_view::npos) {
      const std::string_view start = text.substr(0, text.find('*'));
      return wrong(fmt::format("\"{}\": the star stands at the end, behind a slash", text),
                   good_or_nothing(fmt::format(
                       "{}/*", start.ends_with('/') ? start.substr(0, start.size() - 1) : start)));
    }
    const bool slash = path.ends_with('/');
    return wrong(fmt::format("\"{}\": the path of a SPIFFE id is made of segments of letters, "
                             "digits, dots, dashes and underscores",
                             text),
                 slash ? good_or_nothing(std::string{text.substr(0, text.size() - 1)}) : "");
  }
};

struct CallerTrait : IdentityTrait {
  static std::string_view type() { return "SPIFFE id or `*`"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^\\*$|^spiffe://[a-z0-9._-]+/.+$|\\$\\{"})";
  }
  static Parsed<Pattern> parse(std::string_view text) {
    return text == "*" ? Parsed<Pattern>{Pattern{}} : IdentityTrait::parse(text);
  }
};

// RFC 1123, 2.1; a certificate's name is looked up as it stands, so it has no star.
bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
        label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") !=
            std::string_view::npos) {
      return false;
    }
    text.remove_prefix(label.size());
    if (text.starts_with('.')) text.remove_prefix(text.size() > 1 ? 1 : 0);
    if (text == ".") return false;
  }
  return true;
}

struct ServerNameTrait {
  using Value = std::string;
  static std::string_view type() { return "host name"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^[A-Za-z0-9._-]+$|\\$\\{"})";
  }
  static Parsed<std::string> parse(std::string_view text) {
    if (Address::parse(fmt::format("{}:1", text)) && text != "localhost") {
      return wrong(
          fmt::format("\"{}\" is an IP address: a certificate is asked for by a name", text));
    }
    std::string name = lower(text);
    if (is_host_name(name)) return name;
    if (const auto start = name.find("://"); start != std::string::npos) name.erase(0, start + 3);
    name.erase(std::min(name.find_first_of("/:"), name.size()));
    if (name.ends_with('.')) name.pop_back();
    return wrong(fmt::format("\"{}\" is not a host name such as catalog.example.org", text),
                 is_host_name(name) ? name : "");
  }
  static std::string_view print(const std::string& value) { return value; }
};

struct IdentityHeaderTrait {
  using Value = std::string;
  static std::string_view type() { return "header name or `off`"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$|\\$\\{"})";
  }
  static Parsed<std::string> parse(std::string_view text) {
    // What rules the message itself cannot carry a name.
    constexpr std::array<std::string_view, 8> taken{
        "host", "content-length", "connection", "transfer-encoding",
        "te",   "trailer",        "upgrade",    "via"};
    if (text == "off") return std::string{};
    std::string name = lower(text);
    const bool token = !name.empty() && std::ranges::all_of(name, [](char letter) {
      return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
             std::string_view{"!#$%&'*+-.^_`|~"}.find(letter) != std::string_view::npos;
    });
    if (!token) return wrong(fmt::format("\"{}\" is not a name of a header", text));
    if (std::ranges::find(taken, name) != taken.end()) {
      return wrong(fmt::format("the header \"{}\" has another meaning", text));
    }
    return name;
  }
  static std::string print(const std::string& value) { return value.empty() ? "off" : value; }
};

std::optional<Complaint> check_file(std::string_view text) {
  const bool control = std::ranges::any_of(
      text, [](char letter) { return static_cast<unsigned char>(letter) < 0x20U; });
  if (text.empty()) return Complaint{"the path of a file is empty", ""};
  if (control) return Complaint{"a control character in the path of a file", ""};
  if (text.starts_with("-----BEGIN")) {
    return Complaint{"a file is named here; what it holds does not belong into the policy", ""};
  }
  return std::nullopt;
}

struct FileTrait {
  using Value = std::string;
  static std::string_view type() { return "file"; }
  static std::string_view schema() { return R"({"type": "string", "minLength": 1})"; }
  static Parsed<std::string> parse(std::string_view text) {
    if (auto complaint = check_file(text)) return std::unexpected(std::move(*complaint));
    return std::string{text};
  }
  static std::string_view print(const std::string& value) { return value; }
};

struct BundleTrait : FileTrait {
  static std::string_view type() { return "file or `system`"; }
  // "system" stays until complete_tls() has seen that it was written.
  static std::string_view print(const std::string& value) {
    return value.empty() ? std::string_view{"system"} : value;
  }
};

template <std::string policy::Certificate::* part>
struct CertificatePartTrait : FileTrait {
  using Value = std::optional<policy::Certificate>;
  static std::optional<Complaint> set(std::string_view text, Value& certificate) {
    if (auto complaint = check_file(text)) return complaint;
    if (!certificate) certificate.emplace();
    (*certificate).*part = text;
    return std::nullopt;
  }
  static std::string print(const Value& certificate) {
    return certificate ? (*certificate).*part : std::string{};
  }
};

struct DirectoryTrait : FileTrait {
  using Value = policy::Tls;
  static std::string_view type() { return "directory"; }
  static std::optional<Complaint> set(std::string_view text, policy::Tls& tls) {
    if (auto complaint = check_file(text)) return complaint;
    TlsFiles files = files_in(text);
    tls.certificate = std::move(files.certificate);
    if (tls.ca.empty()) tls.ca = std::move(files.ca);
    return std::nullopt;
  }
  static std::string print(const policy::Tls&) { return {}; }
};

struct UpstreamTlsTrait {
  using Value = std::optional<policy::UpstreamTls>;
  static std::string_view type() { return "`on` or `off`"; }
  static std::string_view schema() { return R"({"enum": ["on", "off"]})"; }
  static std::optional<Complaint> set(std::string_view text, Value& tls) {
    std::optional<bool> on;
    if (auto complaint = codec_of(on).read(text, Quoting::plain, &on)) return complaint;
    tls.reset();
    if (*on) tls.emplace();
    return std::nullopt;
  }
  static std::string print(const Value& tls) { return tls ? "on" : "off"; }
};

constexpr Codec identity = make_codec<IdentityTrait>();
constexpr Codec caller = make_codec<CallerTrait>();
constexpr Codec trust_domain = make_codec<TrustDomainTrait>();
constexpr Codec server_name = make_codec<ServerNameTrait>();
constexpr Codec identity_header = make_codec<IdentityHeaderTrait>();
constexpr Codec file = make_codec<FileTrait>();
constexpr Codec bundle = make_codec<BundleTrait>();
constexpr Codec chain = part_codec<CertificatePartTrait<&policy::Certificate::chain>>();
constexpr Codec key = part_codec<CertificatePartTrait<&policy::Certificate::key>>();
constexpr Codec directory = part_codec<DirectoryTrait>();
constexpr Codec upstream_tls = part_codec<UpstreamTlsTrait>();

}  // namespace

const Codec& identity_codec() { return identity; }
const Codec& caller_codec() { return caller; }
const Codec& trust_domain_codec() { return trust_domain; }
const Codec& server_name_codec() { return server_name; }
const Codec& identity_header_codec() { return identity_header; }
const Codec& file_codec() { return file; }
const Codec& bundle_codec() { return bundle; }
const Codec& chain_codec() { return chain; }
const Codec& key_codec() { return key; }
const Codec& tls_directory_codec() { return directory; }
const Codec& upstream_tls_codec() { return upstream_tls; }

}  // namespace weir::config
