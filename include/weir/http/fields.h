// Header and trailer fields: an ordered list in one block of text, names kept as they came.
//
// Names compare case-insensitively. Those that weir itself acts upon have a `Name`, found once
// while parsing, so that later look-ups compare a byte. Views that are handed out stay valid
// until the next change of the same Fields. clear() keeps the memory: a reused Fields does not
// allocate. Limits belong to the codec that fills it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/name.h"

namespace weir::http {

struct Field {
  std::string_view name;
  std::string_view value;  // without surrounding white space
  Name id = Name::other;
};

class Fields {
 public:
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Field operator[](std::size_t index) const;

  void add(std::string_view name, std::string_view value);
  void add(Name name, std::string_view value);
  // As add(name, value) when the caller has looked the name up already.
  void add(Name id, std::string_view name, std::string_view value);
  // The same of a name in lower case, whose spelling is not kept when it has a Name.
  void add_lower(const Field& field);
  // Removes every field of that name, then adds one.
  void set(Name name, std::string_view value);
  void remove(Name name) { remove(NameSet{name}); }
  void remove(NameSet names);
  void remove(std::string_view name);
  void clear();

  // The first value; nullopt when absent.
  std::optional<std::string_view> find(Name name) const;
  std::optional<std::string_view> find(std::string_view name) const;
  bool contains(Name name) const { return present_.contains(name); }
  std::size_t count(Name name) const;

  // Every field in order; `visit` takes a Field.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t index = 0; index < entries_.size(); ++index) visit((*this)[index]);
  }

  // The bytes held; names that are spelled as name_of() does take none.
  std::size_t text_size() const { return text_.size(); }

 private:
  struct Entry {
    std::uint32_t offset;
    std::uint32_t value_offset;
    std::uint32_t value_size;
    std::uint16_t name_size;  // 0 where the name is spelled as name_of(id)
    Name id;
  };
  std::string text_;
  std::vector<Entry> entries_;
  NameSet present_;
};

// True when `list` (comma-separated, RFC 9110, 5.6.1) holds `token`, compared without case.
bool list_contains(std::string_view list, std::string_view token);
bool equal_without_case(std::string_view left, std::string_view right);

}  // namespace weir::http
