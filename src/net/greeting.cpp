#include "net/greeting.h"

#include <algorithm>
#include <string_view>

#include "net/client_hello.h"

namespace weir::net {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv;
constexpr std::size_t most_looked_at = largest_hello;
constexpr std::size_t longest_method = 32;
constexpr char tls_handshake = 22;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_token(char c) { return is_letter(c) || is_digit(c) || "!#$%&'*+-.^_`|~"sv.contains(c); }
bool begins_target(char c) { return is_letter(c) || is_digit(c) || "/*["sv.contains(c); }
bool is_visible(char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; }

enum class Reading : std::uint8_t { no, maybe, begun, yes };

// `GET /x HTTP/1.1` and the end of its line; `begun` when a method and a target's first byte are
// there. Other protocols begin with a word and a space, too: their lines end differently.
Reading read_http_1(std::string_view text) {
  const std::size_t method =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_token) - text.begin());
  if (method > longest_method) return Reading::no;
  if (method == text.size()) return Reading::maybe;
  if (method == 0 || text[method] != ' ') return Reading::no;
  text.remove_prefix(method + 1);
  if (text.empty()) return Reading::maybe;
  if (!begins_target(text.front())) return Reading::no;
  const std::size_t target =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_visible) - text.begin());
  if (target == text.size()) return Reading::begun;
  if (text[target] != ' ') return Reading::no;
  text.remove_prefix(target + 1);
  constexpr std::string_view version = "HTTP/1."sv;
  if (version.starts_with(text.substr(0, version.size()))) {
    return text.size() <= version.size() ? Reading::begun : Reading::yes;
  }
  return Reading::no;
}

constexpr std::string_view blanks = " \t\r\n"sv;

bool equal_letters(char one, char other) { return (one | 0x20) == (other | 0x20); }

// What a lenient server may take for a request: blanks before it or too many in it, another
// version. Nothing while its first line goes on as text.
std::optional<Greeting::Kind> read_words(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  if (text.empty()) return std::nullopt;
  const auto word =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_token) - text.begin());
  if (word == 0 || word > longest_method) return Greeting::Kind::opaque;
  const auto goes_on = [](char c) { return is_visible(c) || c == ' ' || c == '\t' || c == '\r'; };
  const auto end = std::ranges::find_if_not(text, goes_on);
  const std::string_view line = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  if (!std::ranges::search(line, "HTTP/"sv, equal_letters).empty()) return Greeting::Kind::unclear;
  if (end != text.end()) return Greeting::Kind::opaque;
  return std::nullopt;
}

// Of all that it may be, which is certain. HTTP/1 must have shown its version.
Greeting of_kind(Greeting::Kind kind) {
  Greeting greeting;
  greeting.kind = kind;
  return greeting;
}

std::optional<Greeting> recognise_tls(std::span<const char> bytes) {
  HelloResult result = read_client_hello(bytes);
  switch (result.reading) {
    case HelloReading::incomplete: return std::nullopt;
    case HelloReading::malformed: return of_kind(Greeting::Kind::opaque);
    case HelloReading::complete: break;
  }
  Greeting greeting = of_kind(Greeting::Kind::tls);
  greeting.server_name = std::move(result.hello.server_name);
  greeting.offers_h2 = result.hello.offers_h2;
  return greeting;
}

}  // namespace

std::optional<Greeting> recognise(std::span<const char> bytes) {
  const std::string_view text{bytes.data(), std::min(bytes.size(), most_looked_at)};
  if (text.empty()) return std::nullopt;
  if (text.front() == tls_handshake) return recognise_tls(bytes);
  if (h2_preface.starts_with(text)) {
    if (text.size() < h2_preface.size()) return std::nullopt;
    return of_kind(Greeting::Kind::http_2);
  }
  if (text.starts_with(h2_preface)) return of_kind(Greeting::Kind::http_2);
  switch (read_http_1(text)) {
    case Reading::yes: return of_kind(Greeting::Kind::http_1);
    case Reading::no:
      if (const auto kind = read_words(text)) return of_kind(*kind);
      break;
    case Reading::maybe:
    case Reading::begun: break;
  }
  if (text.size() == most_looked_at) return of_kind(Greeting::Kind::unclear);
  return std::nullopt;
}

Greeting recognise_at_last(std::span<const char> bytes) {
  if (const auto greeting = recognise(bytes)) return *greeting;
  if (bytes.empty()) return of_kind(Greeting::Kind::silent);
  const std::string_view text{bytes.data(), bytes.size()};
  if (text.front() == tls_handshake) return of_kind(Greeting::Kind::tls);
  const bool begun = read_http_1(text) == Reading::begun;
  return of_kind(begun ? Greeting::Kind::http_1 : Greeting::Kind::unclear);
}

}  // namespace weir::net
