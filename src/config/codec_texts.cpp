// Texts with a meaning: addresses, patterns, names.
#include <fmt/format.h>

#include <algorithm>

#include "codec.h"
#include "weir/http/grpc.h"

namespace weir::config {
namespace {

using policy::Pattern;
using policy::StickyKey;

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte < 0x20U || byte == 0x7FU;
  });
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

constexpr std::string_view any_string = R"({"type": "string"})";

// Why Address::parse() would not have it.
Complaint address_complaint(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    std::string_view rest = text.substr(scheme + 3);
    rest = rest.substr(0, rest.find('/'));
    const bool good = Address::parse(rest).has_value();
    return {fmt::format("\"{}\" is a URL: an address is an IP address and a port", text),
            good ? std::string{rest} : std::string{}};
  }
  if (text.starts_with(':') && all_digits(text.substr(1))) {
    return {fmt::format("\"{}\" has no IP address before the port", text),
            fmt::format("127.0.0.1{}", text)};
  }
  if (all_digits(text)) {
    return {fmt::format("\"{}\" is only a port: an address is an IP address and a port", text),
            fmt::format("127.0.0.1:{}", text)};
  }
  if (Address::parse(fmt::format("{}:1", text))) {
    return {fmt::format("\"{}\" has no port", text), fmt::format("{}:8080", text)};
  }
  if (Address::parse(fmt::format("[{}]:1", text))) {
    return {fmt::format("\"{}\" has no port: an IPv6 address stands in brackets before it", text),
            fmt::format("[{}]:8080", text)};
  }
  const auto colon = text.rfind(':');
  const std::string_view host = text.substr(0, colon);
  if (colon != std::string_view::npos && Address::parse(fmt::format("{}:1", host))) {
    return {fmt::format("\"{}\" is not a port between 1 and 65535", text.substr(colon + 1)), ""};
  }
  const bool numeric = host.find_first_not_of("0123456789.:[]") == std::string_view::npos;
  if (numeric) return {fmt::format("\"{}\" is not an IP address and a port", text), ""};
  return {fmt::format("\"{}\" holds a host name: names are not resolved yet, write the IP address "
                      "and the port, as in 10.0.0.4:8080",
                      text),
          ""};
}

struct ListenTrait {
  using Value = Address;
  static std::string_view type() { return "address"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^.+:[0-9]+$|\\$\\{"})";
  }
  static Parsed<Address> parse(std::string_view text) {
    if (auto address = Address::parse(text)) return *address;
    return std::unexpected(address_complaint(text));
  }
  static std::string print(const Address& value) { return value.text(); }
};

struct MaybeListenTrait : ListenTrait {
  static std::string_view type() { return "address or `off`"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^off$|^.+:[0-9]+$|\\$\\{"})";
  }
};

struct EndpointTrait : ListenTrait {
  static Parsed<Address> parse(std::string_view text) {
    auto address = ListenTrait::parse(text);
    if (!address) return address;
    if (address->port() == 0) return wrong(fmt::format("\"{}\" has port 0", text));
    const auto& bytes = address->host_bytes();
    if (std::ranges::all_of(bytes, [](auto byte) { return byte == 0; })) {
      return wrong(
          fmt::format("\"{}\" is an address to listen on; nobody can be called there", text),
          fmt::format("{}:{}", address->family() == Address::Family::v4 ? "127.0.0.1" : "[::1]",
                      address->port()));
    }
    const bool v4 = address->family() == Address::Family::v4;
    if (v4 ? bytes[0] >= 224 : bytes[0] == 0xFF) {
      return wrong(fmt::format("\"{}\" is a multicast or reserved address", text));
    }
    return address;
  }
};

struct BodyTrait {
  using Value = std::string;
  static std::string_view type() { return "text"; }
  static std::string_view schema() { return any_string; }
  static Parsed<std::string> parse(std::string_view text) { return std::string{text}; }
  static std::string_view print(const std::string& value) { return value; }
};

// Goes into headers, labels and log lines.
struct TextTrait : BodyTrait {
  static Parsed<std::string> parse(std::string_view text) {
    if (has_control(text)) return wrong("a line break or another control character in the text");
    return std::string{text};
  }
};

struct GrpcMethodTrait : BodyTrait {
  static std::string_view type() { return "gRPC method"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^/[^/ ]+/[^/ ]+$|\\$\\{"})";
  }
  static Parsed<std::string> parse(std::string_view text) {
    const bool star = text.find('*') != std::string_view::npos;
    if (!star && http::parse_grpc_method(text)) return std::string{text};
    const std::string slashed = "/" + std::string{text};
    const bool only_slash = !star && http::parse_grpc_method(slashed);
    return wrong(fmt::format("\"{}\" is not a gRPC method such as /package.Service/Method", text),
                 only_slash ? slashed : "");
  }
};

// Both kinds of health check in one value, so that the key decides the kind.
struct HealthPathTrait {
  using Value = policy::HealthCheck;
  static std::string_view type() { return "path"; }
  static std::string_view schema() { return R"({"type": "string", "pattern": "^/|\\$\\{"})"; }
  static std::optional<Complaint> set(std::string_view text, policy::HealthCheck& health) {
    if (text.empty() || has_control(text) || text.find_first_of(" #") != std::string_view::npos) {
      return Complaint{fmt::format("\"{}\" is not a path such as /healthz", text), ""};
    }
    if (!text.starts_with('/')) {
      return Complaint{fmt::format("\"{}\": a path starts with a slash", text),
                       "/" + std::string{text}};
    }
    health.kind = policy::HealthCheck::Kind::http;
    health.path = text;
    return std::nullopt;
  }
  static std::string print(const policy::HealthCheck& health) { return health.path; }
};

struct HealthGrpcTrait {
  using Value = policy::HealthCheck;
  static std::string_view type() { return "gRPC service"; }
  static std::string_view schema() { return any_string; }
  static std::optional<Complaint> set(std::string_view text, policy::HealthCheck& health) {
    const auto is_service = [](std::string_view name) {
      return name.empty() || (name.find('*') == std::string_view::npos &&
                              http::parse_grpc_method(fmt::format("/{}/Check", name)));
    };
    if (!is_service(text)) {
      const auto method = http::parse_grpc_method(text);
      return Complaint{fmt::format("\"{}\" is not a gRPC service such as package.Service, or \"\" "
                                   "for the whole server",
                                   text),
                       method ? std::string{method->service} : std::string{}};
    }
    health.kind = policy::HealthCheck::Kind::grpc;
    health.service = text;
    return std::nullopt;
  }
  static std::string print(const policy::HealthCheck& health) { return health.service; }
};

// A star at the start or at the end, or none.
Parsed<Pattern> starred(std::string_view text) {
  const auto stars = std::ranges::count(text, '*');
  if (text.empty()) return wrong("an empty pattern");
  if (has_control(text)) return wrong("a control character in a pattern");
  if (text == "*") return Pattern{};
  if (stars == 0) return Pattern{Pattern::Kind::exact, std::string{text}};
  if (stars == 1 && text.ends_with('*')) {
    return Pattern{Pattern::Kind::prefix, std::string{text.substr(0, text.size() - 1)}};
  }
  if (stars == 1 && text.starts_with('*')) {
    return Pattern{Pattern::Kind::suffix, std::string{text.substr(1)}};
  }
  return wrong(fmt::format("\"{}\": one star may stand, at the start or at the end", text));
}

struct ValuePatternTrait {
  using Value = Pattern;
  static std::string_view type() { return "pattern"; }
  static std::string_view schema() { return R"({"type": "string", "minLength": 1})"; }
  static Parsed<Pattern> parse(std::string_view text) { return starred(text); }
  static std::string print(const Pattern& value) {
    switch (value.kind) {
      case Pattern::Kind::any: return "*";
      case Pattern::Kind::exact: return value.text;
      case Pattern::Kind::prefix: return value.text + "*";
      case Pattern::Kind::suffix: return "*" + value.text;
    }
    return {};
  }
};

struct HostPatternTrait : ValuePatternTrait {
  static std::string_view type() { return "host pattern"; }
  static Parsed<Pattern> parse(std::string_view text) {
    auto pattern = starred(text);
    if (!pattern) return pattern;
    if (pattern->kind == Pattern::Kind::prefix) {
      return wrong(fmt::format("\"{}\": in a host the star stands at the start", text));
    }
    if (pattern->kind == Pattern::Kind::suffix && !pattern->text.starts_with('.')) {
      return wrong(fmt::format("\"{}\": a dot must follow the star", text), "*." + pattern->text);
    }
    const auto colon = text.rfind(':');
    if (colon != std::string_view::npos && all_digits(text.substr(colon + 1)) &&
        !text.ends_with(']')) {
      return wrong(fmt::format("\"{}\": hosts are compared without their port", text),
                   std::string{text.substr(0, colon)});
    }
    if (text.find_first_of("/ ,") != std::string_view::npos) {
      return wrong(fmt::format("\"{}\" is not a host", text));
    }
    pattern->text = lower(pattern->text);
    return pattern;
  }
};

struct PathPatternTrait : ValuePatternTrait {
  static std::string_view type() { return "path pattern"; }
  static std::string_view schema() { return R"({"type": "string", "pattern": "^/|^\\*$|\\$\\{"})"; }
  static Parsed<Pattern> parse(std::string_view text) {
    auto pattern = starred(text);
    if (!pattern || pattern->kind == Pattern::Kind::any) return pattern;
    if (pattern->kind == Pattern::Kind::suffix) {
      return wrong(fmt::format("\"{}\": in a path the star stands at the end", text));
    }
    if (!text.starts_with('/')) {
      return wrong(fmt::format("\"{}\": a path starts with a slash", text),
                   "/" + std::string{text});
    }
    if (text.find_first_of("?# ") != std::string_view::npos) {
      return wrong(fmt::format("\"{}\": paths are compared without their query", text),
                   std::string{text.substr(0, text.find_first_of("?# "))});
    }
    if (pattern->kind == Pattern::Kind::prefix && !pattern->text.ends_with('/')) {
      return wrong(fmt::format("\"{}\": a prefix ends at a segment", text), pattern->text + "/*");
    }
    return pattern;
  }
};

struct StickyTrait {
  using Value = StickyKey;
  static std::string_view type() { return "`header:NAME`, `cookie:NAME` or `client_address`"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^(header:.+|cookie:.+|client_address)$|\\$\\{"})";
  }
  static Parsed<StickyKey> parse(std::string_view text) {
    if (text == "client_address") return StickyKey{StickyKey::Kind::client_address, ""};
    const auto colon = text.find(':');
    const std::string_view name = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    const bool good = !name.empty() && !has_control(name) &&
                      name.find_first_of(" :;,=\"") == std::string_view::npos;
    if (good && text.starts_with("header:")) {
      return StickyKey{StickyKey::Kind::header, lower(name)};
    }
    if (good && text.starts_with("cookie:")) {
      return StickyKey{StickyKey::Kind::cookie, std::string{name}};
    }
    const bool bare = text.starts_with("x-") && colon == std::string_view::npos;
    return wrong(fmt::format("\"{}\" is not header:NAME, cookie:NAME or client_address", text),
                 bare ? fmt::format("header:{}", text) : "");
  }
  static std::string print(const StickyKey& value) {
    switch (value.kind) {
      case StickyKey::Kind::none: return {};
      case StickyKey::Kind::header: return "header:" + value.name;
      case StickyKey::Kind::cookie: return "cookie:" + value.name;
      case StickyKey::Kind::client_address: return "client_address";
    }
    return {};
  }
};

template <class Trait>
constexpr Codec codec = make_codec<Trait>();
constexpr Codec health_path = part_codec<HealthPathTrait>();
constexpr Codec health_grpc = part_codec<HealthGrpcTrait>();
constexpr Codec maybe_listen = make_optional_codec<MaybeListenTrait>();

}  // namespace

const Codec& codec_of(const std::string&) { return codec<TextTrait>; }
const Codec& codec_of(const StickyKey&) { return codec<StickyTrait>; }
const Codec& listen_codec() { return maybe_listen; }
const Codec& listen_only_codec() { return codec<ListenTrait>; }
const Codec& endpoint_codec() { return codec<EndpointTrait>; }
const Codec& body_codec() { return codec<BodyTrait>; }
const Codec& grpc_method_codec() { return codec<GrpcMethodTrait>; }
const Codec& health_path_codec() { return health_path; }
const Codec& health_grpc_codec() { return health_grpc; }
const Codec& host_pattern_codec() { return codec<HostPatternTrait>; }
const Codec& path_pattern_codec() { return codec<PathPatternTrait>; }
const Codec& value_pattern_codec() { return codec<ValuePatternTrait>; }

}  // namespace weir::config
