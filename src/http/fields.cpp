#include "weir/http/fields.h"

#include <algorithm>

namespace weir::http {
namespace {

constexpr char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

}  // namespace

Field Fields::operator[](std::size_t index) const {
  const Entry& entry = entries_[index];
  const std::string_view text{text_};
  const std::string_view name =
      entry.name_size == 0 ? name_of(entry.id) : text.substr(entry.offset, entry.name_size);
  return {name, text.substr(entry.value_offset, entry.value_size), entry.id};
}

void Fields::add(std::string_view name, std::string_view value) {
  add(parse_name(name), name, value);
}

void Fields::add(Name name, std::string_view value) { add(name, {}, value); }

void Fields::add_lower(const Field& field) {
  add(field.id, field.id == Name::other ? field.name : std::string_view{}, field.value);
}

void Fields::add(Name id, std::string_view name, std::string_view value) {
  if (entries_.capacity() == 0) {
    // Most heads; growing to that size by doubling would take nine allocations.
    entries_.reserve(16);
    text_.reserve(256);
  }
  const auto offset = static_cast<std::uint32_t>(text_.size());
  text_.append(name);
  text_.append(value);
  entries_.push_back({offset, offset + static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size()),
                      static_cast<std::uint16_t>(name.size()), id});
  present_.add(id);
}

void Fields::set(Name name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Fields::remove(NameSet names) {
  if (!present_.overlaps(names)) return;
  std::erase_if(entries_, [names](const Entry& entry) { return names.contains(entry.id); });
  present_.remove(names);
}

void Fields::remove(std::string_view name) {
  if (const Name id = parse_name(name); id != Name::other) return remove(id);
  std::erase_if(entries_, [this, name](const Entry& entry) {
    return entry.id == Name::other &&
           equal_without_case(std::string_view{text_}.substr(entry.offset, entry.name_size), name);
  });
}

void Fields::clear() {
  text_.clear();
  entries_.clear();
  present_ = {};
}

std::optional<std::string_view> Fields::find(Name name) const {
  if (!contains(name)) return std::nullopt;
  const auto found = std::ranges::find(entries_, name, &Entry::id);
  return (*this)[static_cast<std::size_t>(found - entries_.begin())].value;
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  if (const Name id = parse_name(name); id != Name::other) return find(id);
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const Field field = (*this)[index];
    if (field.id == Name::other && equal_without_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t Fields::count(Name name) const {
  if (!contains(name)) return 0;
  return static_cast<std::size_t>(std::ranges::count(entries_, name, &Entry::id));
}

bool equal_without_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

bool list_contains(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    const auto first = item.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    item = item.substr(first, item.find_last_not_of(" \t") - first + 1);
    if (equal_without_case(item, token)) return true;
  }
  return false;
}

}  // namespace weir::http
