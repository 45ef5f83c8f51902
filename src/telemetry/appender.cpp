#include "appender.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace weir::telemetry {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view cut_mark = "...";

constexpr unsigned byte_at(std::string_view text, std::size_t index) {
  return static_cast<unsigned char>(text[index]);
}

// Bytes that stand for themselves both in JSON and in quoted text.
constexpr auto plain_bytes = [] {
  std::array<bool, 256> plain{};
  for (unsigned byte = 0x20; byte < 0x7f; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}();

// Whether any of eight bytes is not plain, all at once. May say yes for nothing, never no wrongly.
constexpr bool any_special(std::uint64_t bytes) {
  constexpr std::uint64_t each = 0x0101010101010101U;
  constexpr std::uint64_t top = 0x80 * each;
  const auto holds_zero = [](std::uint64_t word) { return (word - each) & ~word & top; };
  const std::uint64_t control = (bytes - 0x20 * each) & ~bytes & top;
  return ((bytes & top) | control | holds_zero(bytes ^ ('"' * each)) |
          holds_zero(bytes ^ ('\\' * each)) | holds_zero(bytes ^ (0x7f * each))) != 0;
}

std::size_t plain_run(std::string_view text) {
  std::size_t size = 0;
  for (std::uint64_t bytes = 0; size + sizeof bytes <= text.size(); size += sizeof bytes) {
    std::memcpy(&bytes, text.data() + size, sizeof bytes);
    if (any_special(bytes)) break;
  }
  if (size < text.size() && text.size() - size < sizeof(std::uint64_t) &&
      text.size() >= sizeof(std::uint64_t)) {
    // The rest, with some bytes that have been looked at.
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + text.size() - sizeof bytes, sizeof bytes);
    if (!any_special(bytes)) return text.size();
  }
  while (size < text.size() && plain_bytes[byte_at(text, size)]) ++size;
  return size;
}

// A code point at the front of `text`, checked as RFC 3629 demands; size 0 when it is malformed.
struct CodePoint {
  unsigned code = 0;
  std::size_t size = 0;
};

CodePoint decode(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  const std::size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (size == 1) return {first, 1};
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  unsigned code = first & (0x7fU >> size);
  for (std::size_t index = 1; index < size; ++index) {
    const unsigned next = byte_at(text, index);
    if ((next & 0xc0U) != 0x80) return {};
    code = (code << 6U) | (next & 0x3fU);
  }
  constexpr std::array<unsigned, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest[size] || code > 0x10ffff || surrogate) return {};
  return {code, size};
}

// Cuts to at most `limit` bytes without splitting a code point.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (byte_at(text, limit) & 0xc0U) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace

void Appender::padded(std::uint64_t value, unsigned width) {
  char* const at = claim(width);
  if (at == nullptr) return;
  for (unsigned place = width; place > 0; --place, value /= 10) {
    at[place - 1] = static_cast<char>('0' + value % 10);
  }
}

void Appender::milliseconds(Duration duration) {
  const auto micros = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::microseconds>(duration).count()));
  number(micros / 1000);
  std::uint64_t decimals = micros % 1000;
  if (decimals == 0) return;
  unsigned width = 3;
  for (; decimals % 10 == 0; decimals /= 10) --width;
  raw('.');
  padded(decimals, width);
}

void Appender::host(const Address& address) {
  const auto& bytes = address.host_bytes();
  if (address.family() == Address::Family::v4) {
    for (std::size_t index = 0; index < 4; ++index) {
      if (index > 0) raw('.');
      number(static_cast<unsigned>(bytes[index]));
    }
    return;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  raw(std::string_view{text.data()});
}

void Appender::address(const Address& address) {
  const bool bracketed = address.family() == Address::Family::v6;
  if (bracketed) raw('[');
  host(address);
  if (bracketed) raw(']');
  raw(':');
  number(address.port());
}

void Appender::unicode_escape(unsigned code) {
  raw("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) raw(hex_digits[(code >> shift) & 0xfU]);
}

void Appender::json(std::string_view text, std::size_t limit) {
  std::string_view rest = cut(text, limit);
  const bool shortened = rest.size() < text.size();
  while (!rest.empty()) {
    const std::size_t plain = plain_run(rest);
    raw(rest.substr(0, plain));
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const CodePoint point = decode(rest);
    if (point.code == '"' || point.code == '\\') {
      raw('\\');
      raw(rest.front());
    } else if (point.size == 0) {
      unicode_escape(0xfffd);
    } else if (point.code < 0xa0) {
      unicode_escape(point.code);
    } else {
      raw(rest.substr(0, point.size));
    }
    rest.remove_prefix(std::max<std::size_t>(point.size, 1));
  }
  if (shortened) raw(cut_mark);
}

void Appender::quoted(std::string_view text, std::size_t limit) {
  std::string_view rest = text.substr(0, limit);
  while (!rest.empty()) {
    const std::size_t plain = plain_run(rest);
    raw(rest.substr(0, plain));
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const unsigned byte = byte_at(rest, 0);
    raw('\\');
    if (byte == '"' || byte == '\\') {
      raw(rest.front());
    } else {
      raw('x');
      raw(hex_digits[byte >> 4U]);
      raw(hex_digits[byte & 0xfU]);
    }
    rest.remove_prefix(1);
  }
  if (text.size() > limit) raw(cut_mark);
}

}  // namespace weir::telemetry
