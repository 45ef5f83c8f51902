// Character classes of HTTP/1.1 as one table, and scanners that stop at the first byte outside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weir::codec {

enum class Class : std::uint8_t {
  token = 1,   // RFC 9110, 5.6.2: names, methods, chunk extensions
  target = 2,  // RFC 3986: path and query, but not `%`, which needs two digits after it
  host = 4,    // RFC 3986: unreserved
  hex = 8,
  digit = 16,
  value = 32,  // RFC 9110, 5.5: field-vchar, SP, HTAB and obs-text
};

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](std::string_view bytes, Class which) {
    for (const char byte : bytes) {
      classes[static_cast<unsigned char>(byte)] |= static_cast<std::uint8_t>(which);
    }
  };
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::string_view digits = "0123456789";
  for (const auto which : {Class::token, Class::target, Class::host}) {
    mark(letters, which);
    mark(digits, which);
  }
  mark("!#$%&'*+-.^_`|~", Class::token);
  mark("-._~!$&'()*+,;=:@/?", Class::target);
  mark("-._~", Class::host);
  mark("0123456789abcdefABCDEF", Class::hex);
  mark(digits, Class::digit);
  for (std::size_t byte = 0; byte < classes.size(); ++byte) {
    if (byte == '\t' || (byte >= 0x20 && byte != 0x7f)) {
      classes[byte] |= static_cast<std::uint8_t>(Class::value);
    }
  }
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> classes = make_classes();

constexpr bool is(Class which, char byte) {
  return (classes[static_cast<unsigned char>(byte)] & static_cast<std::uint8_t>(which)) != 0;
}

constexpr char lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
}

// The first byte in [at, end) outside the class, or end.
inline const char* skip(Class which, const char* at, const char* end) {
  while (at != end && is(which, *at)) ++at;
  return at;
}

inline bool all(Class which, std::string_view text) {
  const char* const end = text.data() + text.size();
  return skip(which, text.data(), end) == end;
}

// skip(Class::value, ...), sixteen bytes at a time: most of a head is field values.
inline const char* skip_value(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i rubout = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i printable = _mm_cmpeq_epi8(_mm_max_epu8(bytes, space), bytes);
    const __m128i allowed = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, rubout), printable);
    const auto refused = static_cast<unsigned>(_mm_movemask_epi8(allowed)) ^ 0xffffU;
    if (refused == 0) {
      at += 16;
      continue;
    }
    at += __builtin_ctz(refused);
    if (*at != '\t') return at;
    ++at;
  }
#endif
  return skip(Class::value, at, end);
}

}  // namespace weir::codec
