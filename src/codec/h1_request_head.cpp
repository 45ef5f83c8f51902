#include "h1_field_section.h"
#include "h1_start_line.h"
#include "weir/codec/h1_head.h"
#include "weir/http/upgrade.h"

namespace weir::codec {
namespace {

std::string_view text_of(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

RequestHeadParser::RequestHeadParser(http::RequestHead& head, H1Limits limits)
    : head_(head), limits_(limits) {
  head_.clear();
}

void RequestHeadParser::reset() {
  head_.clear();
  progress_ = {};
  framing_ = {};
  connection_ = {};
  host_ = Host::absent;
}

std::expected<std::size_t, H1Error> RequestHeadParser::parse(std::span<const char> buffered) {
  if (!progress_.in_fields) {
    if (const auto error = parse_start(buffered)) return std::unexpected{*error};
    if (!progress_.in_fields) return 0;
  }
  const auto size = parse_field_section(buffered, limits_, progress_,
                                        [this](const http::Field& field) { return take(field); });
  if (!size || *size == 0) return size;
  if (const auto error = finish()) return std::unexpected{*error};
  return size;
}

std::optional<H1Error> RequestHeadParser::parse_start(std::span<const char> buffered) {
  if (progress_.line == 0 && text_of(buffered).starts_with("\r\n")) progress_.line = 2;
  if (buffered.size() <= progress_.line) return std::nullopt;
  const std::size_t longest =
      progress_.line + longest_method + limits_.target_bytes + request_line_extra;
  const std::size_t limit = std::min(longest, limits_.head_bytes);
  const auto range = buffered.first(std::min(buffered.size(), limit));
  const auto exhausted = [&]() -> std::optional<H1Error> {
    if (range.size() < limit) return std::nullopt;
    return limit == longest ? H1Error::target_too_long : H1Error::head_too_large;
  };
  if (still_incomplete(progress_, range)) return exhausted();
  const char* const start = range.data() + progress_.line;
  const RequestLine line = parse_request_line(start, range.data() + range.size());
  if (line.kind == LineKind::refused) return line.error;
  if (line.kind == LineKind::incomplete) {
    // A lone CR may be the start of the empty line, which is looked at anew.
    if (*start != '\r') progress_.searched = range.size();
    return exhausted();
  }
  if (line.target.size() > limits_.target_bytes) return H1Error::target_too_long;
  head_.method_text.assign(line.method);
  head_.method = http::parse_method(line.method);
  head_.version = line.version;
  progress_.line = static_cast<std::size_t>(line.next - range.data());
  progress_.in_fields = true;
  return take_target(line.target);
}

// RFC 9112, 3.2: which form a target may have depends on the method.
std::optional<H1Error> RequestHeadParser::take_target(std::string_view target) {
  if (head_.method == http::Method::connect) {
    const std::size_t host = host_size(target);
    if (host == target.size() || !valid_authority(target)) return H1Error::bad_target;
    assign_lower(head_.authority, target);
    return std::nullopt;
  }
  if (target.front() == '/' || (target == "*" && head_.method == http::Method::options)) {
    head_.target.assign(target);
    return std::nullopt;
  }
  return take_absolute(target);
}

std::optional<H1Error> RequestHeadParser::take_absolute(std::string_view target) {
  const auto colon = target.find(':');
  if (colon == std::string_view::npos) return H1Error::bad_target;
  const std::string_view scheme = target.substr(0, colon);
  const bool known =
      http::equal_without_case(scheme, "http") || http::equal_without_case(scheme, "https");
  std::string_view rest = target.substr(colon);
  if (!known || !rest.starts_with("://")) return H1Error::bad_target;
  rest.remove_prefix(3);
  const auto path = std::min(rest.find_first_of("/?"), rest.size());
  if (!valid_authority(rest.substr(0, path))) return H1Error::bad_target;
  assign_lower(head_.scheme, scheme);
  assign_lower(head_.authority, rest.substr(0, path));
  rest.remove_prefix(path);
  if (rest.empty() && head_.method == http::Method::options) {
    head_.target = "*";  // RFC 9112, 3.2.4
    return std::nullopt;
  }
  if (!rest.starts_with('/')) head_.target = "/";
  head_.target.append(rest);
  return std::nullopt;
}

std::optional<H1Error> RequestHeadParser::take(const http::Field& field) {
  switch (field.id) {
    case http::Name::host: return take_host(field.value);
    case http::Name::content_length: return framing_.take_content_length(field.value);
    case http::Name::transfer_encoding:
      return framing_.take_transfer_encoding(field.value, head_.version);
    case http::Name::expect:
      // RFC 9110, 10.1.1: an expectation in HTTP/1.0 is ignored.
      if (head_.version == http::Version::http_1_0) break;
      if (!http::equal_without_case(field.value, "100-continue")) {
        return H1Error::unknown_expectation;
      }
      head_.expects_continue = true;
      break;
    case http::Name::connection:
      if (const auto error = connection_.take(field.value)) return error;
      break;
    case http::Name::upgrade:
      if (!head_.upgrade.empty()) head_.upgrade.append(", ");
      head_.upgrade.append(field.value);
      break;
    default: break;
  }
  head_.fields.add(field.id, field.name, field.value);
  return std::nullopt;
}

std::optional<H1Error> RequestHeadParser::take_host(std::string_view value) {
  if (host_ == Host::given) return H1Error::several_hosts;
  host_ = Host::given;
  if (!valid_authority(value)) return H1Error::bad_host;
  if (head_.authority.empty()) {
    assign_lower(head_.authority, value);
    return std::nullopt;
  }
  // The target names a host as well. For CONNECT some clients leave the port out of Host.
  std::string_view named = head_.authority;
  if (head_.method == http::Method::connect && host_size(value) == value.size()) {
    named = named.substr(0, host_size(named));
  }
  if (!http::equal_without_case(named, value)) return H1Error::host_differs_from_target;
  return std::nullopt;
}

std::optional<H1Error> RequestHeadParser::finish() {
  const bool modern = head_.version == http::Version::http_1_1;
  if (modern && host_ == Host::absent) return H1Error::missing_host;
  if (head_.method == http::Method::connect && framing_.kind() != H1Framing::Kind::absent) {
    return H1Error::body_not_allowed;
  }
  head_.body = framing_.body(http::BodyLength::none());
  if (head_.body.empty()) head_.expects_continue = false;
  if (!modern || !connection_.upgrade()) head_.upgrade.clear();
  if (!head_.upgrade.empty()) head_.upgrade = http::allowed_upgrades(head_.upgrade);
  head_.keep_alive = connection_.keep_alive(head_.version);
  return std::nullopt;
}

}  // namespace weir::codec
