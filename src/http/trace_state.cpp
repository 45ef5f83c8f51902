#include "weir/http/trace_state.h"

#include <algorithm>
#include <cstdint>

namespace weir::http {
namespace {

constexpr std::size_t longest_key = 256;
constexpr std::size_t longest_tenant = 241;
constexpr std::size_t longest_system = 14;
constexpr std::size_t longest_value = 256;
constexpr std::size_t long_member = 128;  // left out before shorter ones

constexpr bool is_lower(char letter) { return letter >= 'a' && letter <= 'z'; }
constexpr bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
constexpr bool is_key_letter(char letter) {
  return is_lower(letter) || is_digit(letter) || letter == '_' || letter == '-' || letter == '*' ||
         letter == '/';
}

bool is_key(std::string_view key) {
  const auto at = key.find('@');
  const std::string_view head = key.substr(0, at);
  if (head.empty() || !std::ranges::all_of(head, is_key_letter)) return false;
  if (at == std::string_view::npos) return is_lower(head[0]) && head.size() <= longest_key;
  const std::string_view system = key.substr(at + 1);
  return (is_lower(head[0]) || is_digit(head[0])) && head.size() <= longest_tenant &&
         !system.empty() && is_lower(system[0]) && system.size() <= longest_system &&
         std::ranges::all_of(system, is_key_letter);
}

// Printable, without comma and equals sign; white space at its end has been taken off.
bool is_value(std::string_view value) {
  return !value.empty() && value.size() <= longest_value &&
         std::ranges::all_of(value, [](char letter) {
           return letter >= ' ' && letter <= '~' && letter != ',' && letter != '=';
         });
}

bool is_member(std::string_view member) {
  const auto equals = member.find('=');
  return equals != std::string_view::npos && is_key(member.substr(0, equals)) &&
         is_value(member.substr(equals + 1));
}

bool has_key(std::string_view member, std::string_view key) {
  return member.size() > key.size() && member[key.size()] == '=' && member.starts_with(key);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::optional<TraceState> TraceState::read(const Fields& fields) {
  std::optional<TraceState> state{std::in_place};
  if (!fields.contains(Name::tracestate)) return state;
  bool well_formed = true;
  fields.for_each([&](const Field& field) {
    if (field.id == Name::tracestate) well_formed = well_formed && state->add_list(field.value);
  });
  if (!well_formed) state.reset();
  return state;
}

// Empty members are allowed and mean nothing.
bool TraceState::add_list(std::string_view list) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const std::string_view member = trimmed(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (member.empty()) continue;
    if (size_ == most_members || !is_member(member)) return false;
    members_[size_++] = member;
  }
  return true;
}

std::optional<std::string_view> TraceState::find(std::string_view key) const {
  for (std::size_t index = 0; index < size_; ++index) {
    if (has_key(members_[index], key)) return members_[index].substr(key.size() + 1);
  }
  return std::nullopt;
}

void TraceState::erase(std::size_t index) {
  std::shift_left(members_.begin() + index, members_.begin() + size_, 1);
  --size_;
}

bool TraceState::remove(std::string_view key) {
  const std::size_t before = size_;
  for (std::size_t index = size_; index-- > 0;) {
    if (has_key(members_[index], key)) erase(index);
  }
  return size_ != before;
}

void TraceState::put_first(std::string_view member) {
  remove(member.substr(0, member.find('=')));
  if (size_ == most_members) --size_;
  std::shift_right(members_.begin(), members_.begin() + size_ + 1, 1);
  members_[0] = member;
  ++size_;
}

std::size_t TraceState::length() const {
  std::size_t length = size_ == 0 ? 0 : size_ - 1;
  for (std::size_t index = 0; index < size_; ++index) length += members_[index].size();
  return length;
}

void TraceState::leave_out(std::size_t longer_than) {
  std::size_t left = length();
  for (std::size_t index = size_; index-- > 0 && left > most_characters;) {
    if (members_[index].size() <= longer_than) continue;
    left -= members_[index].size() + 1;
    erase(index);
  }
}

TraceState::Text TraceState::text() const {
  if (length() > most_characters) {
    TraceState kept = *this;
    kept.leave_out(long_member);
    kept.leave_out(0);
    return kept.text();
  }
  Text text;
  for (std::size_t index = 0; index < size_; ++index) {
    if (index > 0) text.characters[text.size++] = ',';
    const std::string_view member = members_[index];
    std::ranges::copy(member, text.characters.data() + text.size);
    text.size += member.size();
  }
  return text;
}

}  // namespace weir::http
