#include "h1_start_line.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "h1_chars.h"
#include "h1_field_section.h"

namespace weir::codec {
namespace {

template <class Line>
Line refuse(H1Error error, const char* at, const char* end) {
  Line line;
  line.error = error;
  line.kind = has_line_end(at, end) ? LineKind::refused : LineKind::incomplete;
  return line;
}

// What is wrong at a byte where the line should have gone on otherwise.
H1Error wrong(const char* at, const char* end, H1Error otherwise) {
  if (*at == '\n') return H1Error::bare_lf;
  if (*at == '\r' && (end - at < 2 || at[1] != '\n')) return H1Error::bare_cr;
  return otherwise;
}

// Where the target ends; RFC 3986 characters only, `%` with two hexadecimal digits, and square
// brackets in the query.
const char* skip_target(const char* at, const char* end) {
  const char* const start = at;
  while (true) {
    at = skip(Class::target, at, end);
    if (at == end) return at;
    if (*at == '%') {
      if (end - at < 3) return end - at > 1 && !is(Class::hex, at[1]) ? at : end;
      if (!is(Class::hex, at[1]) || !is(Class::hex, at[2])) return at;
      at += 3;
      continue;
    }
    if ((*at != '[' && *at != ']') || std::find(start, at, '?') == at) return at;
    ++at;
  }
}

constexpr std::ptrdiff_t version_size = 8;  // "HTTP/1.1"

// The line feed that comes among the `size` bytes from `at` on, which should not hold one.
const char* early_line_feed(const char* at, const char* end, std::ptrdiff_t size) {
  const auto seen = static_cast<std::size_t>(std::min(end - at, size));
  return static_cast<const char*>(std::memchr(at, '\n', seen));
}

struct VersionText {
  bool valid = false;
  H1Error error = H1Error::bad_version;
  http::Version version = http::Version::http_1_1;
};

// Reads exactly version_size bytes.
VersionText read_version(const char* at) {
  if (std::memcmp(at, "HTTP/1.1", version_size) == 0) return {.valid = true};
  if (std::memcmp(at, "HTTP/1.0", version_size) == 0) {
    return {.valid = true, .version = http::Version::http_1_0};
  }
  const bool named = std::memcmp(at, "HTTP/", 5) == 0 && is(Class::digit, at[5]) && at[6] == '.' &&
                     is(Class::digit, at[7]);
  return {.error = named ? H1Error::unsupported_version : H1Error::bad_version};
}

bool valid_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return false;
  std::ranges::copy(text, terminated.begin());
  in6_addr address{};
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

// Four numbers of at most 255, without leading zeros, which some read as octal.
bool valid_ipv4(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (at == end || *at != '.') return false;
      ++at;
    }
    std::uint8_t number = 0;
    const auto [stopped, failure] = std::from_chars(at, end, number);
    if (failure != std::errc{} || (*at == '0' && stopped - at > 1)) return false;
    at = stopped;
  }
  return at == end;
}

// A name whose last label is a number is an address to some parsers (127.1, 2130706433) and a name
// to others, so only the dotted form is taken.
bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || !is(Class::digit, host.back())) return false;
  return all(Class::digit, host.substr(host.rfind('.') + 1));
}

bool valid_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, failure] = std::from_chars(digits.data(), end, port);
  return failure == std::errc{} && stopped == end && !digits.starts_with('0');
}

}  // namespace

RequestLine parse_request_line(const char* at, const char* end) {
  if (at == end) return {};
  const char* const method_end = skip(Class::token, at, end);
  if (method_end == end || (*at == '\r' && end - at < 2)) return {};
  if (method_end == at) {
    RequestLine line;
    line.kind = LineKind::refused;
    line.error = wrong(at, end, H1Error::bad_method);
    return line;
  }
  const auto refused = [&](H1Error error) { return refuse<RequestLine>(error, at, end); };
  if (*method_end != ' ') return refused(wrong(method_end, end, H1Error::bad_method));
  if (method_end - at > static_cast<std::ptrdiff_t>(longest_method)) {
    return refused(H1Error::method_too_long);
  }
  const char* const target = method_end + 1;
  const char* const target_end = skip_target(target, end);
  if (target_end == end) return refused(H1Error::bad_target);
  if (*target_end == '\r' && target_end != target) {
    return refused(wrong(target_end, end, H1Error::bad_version));
  }
  if (*target_end != ' ' || target_end == target) {
    return refused(wrong(target_end, end, H1Error::bad_target));
  }
  const char* const version = target_end + 1;
  if (const char* const feed = early_line_feed(version, end, version_size + 1)) {
    return refused(feed[-1] == '\r' ? H1Error::bad_version : H1Error::bare_lf);
  }
  if (end - version < version_size + 2) return {};
  const VersionText read = read_version(version);
  if (!read.valid && read.error == H1Error::bad_version) return refused(read.error);
  const char* const line_end = version + version_size;
  if (line_end[0] != '\r' || line_end[1] != '\n') {
    return refused(wrong(line_end, end, H1Error::bad_version));
  }
  if (!read.valid) return refused(read.error);
  return {.kind = LineKind::complete,
          .error = {},
          .method = {at, method_end},
          .target = {target, target_end},
          .version = read.version,
          .next = line_end + 2};
}

StatusLine parse_status_line(const char* at, const char* end) {
  constexpr std::ptrdiff_t fixed = version_size + 4;  // "HTTP/1.1 200"
  if (at == end) return {};
  const auto refused = [&](H1Error error) { return refuse<StatusLine>(error, at, end); };
  if (*at != 'H') {
    StatusLine line;
    line.kind = LineKind::refused;
    line.error = H1Error::bad_version;
    return line;
  }
  if (const char* const feed = early_line_feed(at, end, fixed + 1)) {
    return refused(feed[-1] == '\r' ? H1Error::bad_status : H1Error::bare_lf);
  }
  if (end - at < fixed + 2) return {};
  const VersionText read = read_version(at);
  if (!read.valid) return refused(read.error);
  const char* const code = at + version_size;
  const bool digits =
      is(Class::digit, code[1]) && is(Class::digit, code[2]) && is(Class::digit, code[3]);
  if (code[0] != ' ' || !digits || code[1] < '1' || code[1] > '5') {
    return refused(H1Error::bad_status);
  }
  const char* const reason = at + fixed;
  if (*reason != ' ' && *reason != '\r') return refused(wrong(reason, end, H1Error::bad_status));
  const char* const reason_end = skip_value(reason, end);
  if (reason_end == end) return {};
  if (*reason_end != '\r' || end - reason_end < 2 || reason_end[1] != '\n') {
    return refused(wrong(reason_end, end, H1Error::bad_status));
  }
  return {.kind = LineKind::complete,
          .error = {},
          .status = static_cast<std::uint16_t>((code[1] - '0') * 100 + (code[2] - '0') * 10 +
                                               (code[3] - '0')),
          .reason = {reason + (*reason == ' ' ? 1 : 0), reason_end},
          .version = read.version,
          .next = reason_end + 2};
}

bool valid_target(std::string_view target) {
  const char* const end = target.data() + target.size();
  // skip_target() takes an unfinished escape for one whose digits have not come yet.
  const std::size_t tail = target.size() - std::min<std::size_t>(target.size(), 2);
  return skip_target(target.data(), end) == end && target.find('%', tail) == target.npos;
}

std::size_t host_size(std::string_view authority) {
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return 0;
    return valid_ipv6(authority.substr(1, close - 1)) ? close + 1 : 0;
  }
  const char* const start = authority.data();
  const auto size =
      static_cast<std::size_t>(skip(Class::host, start, start + authority.size()) - start);
  const std::string_view host = authority.substr(0, size);
  return ends_in_number(host) && !valid_ipv4(host) ? 0 : size;
}

bool valid_authority(std::string_view authority) {
  const std::size_t host = host_size(authority);
  if (host == 0) return false;
  const std::string_view rest = authority.substr(host);
  return rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1)));
}

void assign_lower(std::string& into, std::string_view text) {
  into.assign(text);
  // A store of a char might change where a string's bytes are, for all that the compiler knows.
  char* const bytes = into.data();
  for (std::size_t at = 0; at < text.size(); ++at) bytes[at] = lower(bytes[at]);
}

}  // namespace weir::codec
