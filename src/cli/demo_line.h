// A line of a terminal, put together piece by piece with colours, never longer than its width.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/demo_view.h"

namespace weir::cli {

// The terminal's own sixteen colours, which suit dark and light backgrounds alike.
enum class Style : std::uint8_t { plain, bold, faint, good, uneasy, bad };

class Line {
 public:
  explicit Line(const Look& look) : look_(look) {}

  // Appends; what does not fit is cut off. UTF-8, every character one column wide.
  Line& put(std::string_view text, Style style = Style::plain);
  // Goes on at `column` (from 0), or after one blank when it is already there.
  Line& to(std::size_t column);
  std::string text() const { return text_; }

 private:
  const Look& look_;
  std::string text_;
  std::size_t column_ = 0;
};

// How many columns `text` takes.
std::size_t width_of(std::string_view text);

}  // namespace weir::cli
