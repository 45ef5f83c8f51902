// A text of a bounded length that lives where it stands: no allocation, trivially copied.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

template <std::size_t most>
class ShortText {
 public:
  static_assert(most < 256);
  static constexpr bool fits(std::string_view text) { return text.size() <= most; }

  ShortText() = default;
  // A longer text is not kept at all: half a word says something else.
  explicit ShortText(std::string_view text)
      : size_(static_cast<std::uint8_t>(fits(text) ? text.size() : 0)) {
    std::copy_n(text.begin(), size_, characters_.begin());
  }

  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {characters_.data(), size_}; }

 private:
  std::array<char, most> characters_;
  std::uint8_t size_ = 0;
};

}  // namespace weir
