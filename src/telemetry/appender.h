// Text appended to fixed memory: numbers, addresses and escaped bytes, without allocation.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "weir/base/address.h"
#include "weir/base/time.h"

namespace weir::telemetry {

class Appender {
 public:
  explicit Appender(std::span<char> space)
      : begin_(space.data()), cursor_(begin_), end_(begin_ + space.size()) {}

  // What does not fit is left out; whoever sizes the space sees to it that all does.
  void raw(std::string_view text) {
    if (text.size() > left()) return;
    if (!text.empty()) std::memcpy(cursor_, text.data(), text.size());
    cursor_ += text.size();
  }
  void raw(char byte) {
    if (cursor_ != end_) *cursor_++ = byte;
  }
  // As raw() of a string literal.
  template <std::size_t size>
  void literal(const char (&text)[size]) {
    if (char* const at = claim(size - 1)) std::memcpy(at, text, size - 1);
  }
  // Room for `size` bytes, which the caller fills; null when they do not fit.
  char* claim(std::size_t size) {
    if (size > left()) return nullptr;
    return std::exchange(cursor_, cursor_ + size);
  }
  template <std::unsigned_integral Integer>
  void number(Integer value) {
    if (value < 10) return raw(static_cast<char>('0' + value));
    const auto [end, error] = std::to_chars(cursor_, end_, value);
    if (error == std::errc{}) cursor_ = end;
  }
  // `value` with leading zeros to `width` digits.
  void padded(std::uint64_t value, unsigned width);
  // Milliseconds with up to three decimals and no trailing zeros: "41", "0.42".
  void milliseconds(Duration duration);
  void address(const Address& address);
  // "10.0.0.4" or "2001:db8::1".
  void host(const Address& address);
  // The inside of a JSON string (RFC 8259, 7). Bytes that are not UTF-8 become U+FFFD, and C1
  // controls are escaped too. At most `limit` bytes of `text` are looked at.
  void json(std::string_view text, std::size_t limit);
  // The inside of a quoted text: everything but printable ASCII as \xHH, quote and backslash as
  // \" and \\.
  void quoted(std::string_view text, std::size_t limit);

  std::size_t size() const { return static_cast<std::size_t>(cursor_ - begin_); }

 private:
  std::size_t left() const { return static_cast<std::size_t>(end_ - cursor_); }
  void unicode_escape(unsigned code);

  char* begin_;
  char* cursor_;
  char* end_;
};

}  // namespace weir::telemetry
