// The little that a service of bench/storm understands of text and of HTTP heads, and how it fails.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storm {

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
    std::fprintf(stderr, "not a number: %.*s\n", static_cast<int>(text.size()), text.data());
    std::exit(64);
  }
  return value;
}

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

inline bool same(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char one, char other) {
    return std::tolower(static_cast<unsigned char>(one)) ==
           std::tolower(static_cast<unsigned char>(other));
  });
}

// The lines of a head behind the first one.
inline std::vector<std::string_view> field_lines(std::string_view head) {
  std::vector<std::string_view> lines;
  std::size_t from = head.find("\r\n");
  while (from != head.npos && from + 2 < head.size()) {
    const std::size_t end = std::min(head.find("\r\n", from + 2), head.size());
    lines.push_back(head.substr(from + 2, end - from - 2));
    from = end;
  }
  return lines;
}

inline std::string_view value_of(std::string_view head, std::string_view name) {
  for (const std::string_view line : field_lines(head)) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !same(line.substr(0, colon), name)) continue;
    const std::size_t from = line.find_first_not_of(' ', colon + 1);
    return from == line.npos ? std::string_view{} : line.substr(from);
  }
  return {};
}

}  // namespace weir::storm
