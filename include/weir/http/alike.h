// Field names as applications read them.
#pragma once

#include <algorithm>
#include <string_view>

namespace weir::http {

// Whether applications may take one field name for the other: case does not count, nor which
// punctuation there is (CGI and its heirs know HTTP_X_ONE only, whether x-one, x_one or x.one was
// sent).
inline bool alike(std::string_view left, std::string_view right) {
  const auto seen = [](char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
  };
  return std::ranges::equal(left, right, {}, seen, seen);
}

}  // namespace weir::http
