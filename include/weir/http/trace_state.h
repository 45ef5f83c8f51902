// `tracestate`: the list in which every tracing vendor keeps one entry (W3C Trace Context, 3.3).
//
// Views into the fields that it was read from; no allocation. A malformed list is dropped, never
// repaired. Other vendors' entries keep their order and their bytes.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "weir/http/fields.h"

namespace weir::http {

class TraceState {
 public:
  static constexpr std::size_t most_members = 32;
  static constexpr std::size_t most_characters = 512;

  // All tracestate fields in order, combined. nullopt: malformed, or more than 32 members.
  static std::optional<TraceState> read(const Fields& fields);

  std::size_t size() const { return size_; }
  // "key=value"
  std::string_view operator[](std::size_t index) const { return members_[index]; }
  // The value of the first entry with this key.
  std::optional<std::string_view> find(std::string_view key) const;
  // Removes every entry with this key; false when there was none.
  bool remove(std::string_view key);
  // `member` ("key=value", well-formed) becomes the first, and replaces what had its key. The
  // thirty-third is dropped.
  void put_first(std::string_view member);

  struct Text {
    std::array<char, most_characters> characters;
    std::size_t size = 0;
    std::string_view view() const { return {characters.data(), size}; }
  };
  // At most 512 characters: entries are left out whole, first those of more than 128 characters
  // and then any, each time from the end.
  Text text() const;

 private:
  bool add_list(std::string_view list);
  void erase(std::size_t index);
  void leave_out(std::size_t longer_than);
  std::size_t length() const;  // of text() without limits

  std::array<std::string_view, most_members> members_;
  std::size_t size_ = 0;
};

}  // namespace weir::http
