#include "cli/demo_line.h"

namespace weir::cli {
namespace {

constexpr std::string_view reset = "\x1b[0m";

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::bold: return "\x1b[1m";
    case Style::faint: return "\x1b[2m";
    case Style::good: return "\x1b[32m";
    case Style::uneasy: return "\x1b[33m";
    case Style::bad: return "\x1b[31m";
  }
  return "";
}

constexpr bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// The longest beginning of `text` that takes at most `columns`.
std::string_view cut(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  while (end < text.size()) {
    if (!continues_character(text[end]) && columns-- == 0) break;
    ++end;
  }
  return text.substr(0, end);
}

}  // namespace

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char byte : text) width += continues_character(byte) ? 0 : 1;
  return width;
}

Line& Line::put(std::string_view text, Style style) {
  text = cut(text, look_.columns - column_);
  if (text.empty()) return *this;
  const bool coloured = look_.colour == Look::Colour::ansi && style != Style::plain;
  if (coloured) text_ += code_of(style);
  text_ += text;
  if (coloured) text_ += reset;
  column_ += width_of(text);
  return *this;
}

Line& Line::to(std::size_t column) {
  const std::size_t blanks = column > column_ ? column - column_ : 1;
  return put(std::string(blanks, ' '));
}

}  // namespace weir::cli
