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
  value = 32,        // RFC 9110, 5.5: field-vchar, SP, HTAB and obs-text
  lower_token = 64,  // RFC 9113, 8.2.1: a token without capitals
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
    const bool token = (classes[byte] & static_cast<std::uint8_t>(Class::token)) != 0;
    if (token && !(byte >= 'A' && byte <= 'Z')) {
      classes[byte] |= static_cast<std::uint8_t>(Class::lower_token);
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

#if defined(__SSE2__)
// A bit for each of sixteen bytes that is outside Class::value, and for each HTAB.
inline unsigned unusual_in_value(__m128i bytes) {
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i printable = _mm_cmpeq_epi8(_mm_max_epu8(bytes, space), bytes);
  const __m128i allowed = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)), printable);
  return static_cast<unsigned>(_mm_movemask_epi8(allowed)) ^ 0xffffU;
}
#endif

// skip(Class::value, ...), up to sixteen bytes at a time: most of a head is field values.
inline const char* skip_value(const char* at, const char* end) {
#if defined(__SSE2__)
  while (end - at >= 4) {
    __m128i bytes;
    int step = 16;
    if (end - at >= 16) {
      bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    } else if (end - at >= 8) {
      bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
      step = 8;
    } else {
      bytes = _mm_loadu_si32(at);
      step = 4;
    }
    const unsigned unusual = unusual_in_value(bytes) & ((1U << step) - 1);
    if (unusual == 0) {
      at += step;
      continue;
    }
    at += __builtin_ctz(unusual);
    if (*at != '\t') return at;
    ++at;
  }
#endif
  return skip(Class::value, at, end);
}

}  // namespace weir::codec
