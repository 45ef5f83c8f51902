#include "h1_field_section.h"

namespace weir::codec {
namespace {

// Longer than any name in use, and short enough for http::Fields.
constexpr std::ptrdiff_t longest_name = 256;

FieldLine refuse(H1Error error, const char* at, const char* end) {
  if (!has_line_end(at, end)) return {};
  return {.kind = FieldLine::Kind::refused, .error = error, .field = {}, .next = nullptr};
}

// What stopped a line at `at`, where CR LF was expected.
H1Error misplaced(const char* at) {
  if (*at == '\n') return H1Error::bare_lf;
  return *at == '\r' ? H1Error::bare_cr : H1Error::bad_field_value;
}

H1Error bad_name(const char* stopped, const char* start) {
  switch (*stopped) {
    case ' ':
    case '\t': return stopped == start ? H1Error::folded_line : H1Error::space_before_colon;
    case '\n': return H1Error::bare_lf;
    default: return H1Error::bad_field_name;
  }
}

FieldLine parse_last_line(const char* at, const char* end) {
  if (end - at < 2) return {};
  if (at[1] != '\n') return refuse(H1Error::bare_cr, at, end);
  return {.kind = FieldLine::Kind::last, .error = {}, .field = {}, .next = at + 2};
}

std::string_view without_white_space(const char* first, const char* last) {
  const auto white = [](char byte) { return byte == ' ' || byte == '\t'; };
  while (first != last && white(*first)) ++first;
  while (first != last && white(last[-1])) --last;
  return {first, last};
}

}  // namespace

FieldLine parse_field_line(const char* at, const char* end) {
  if (at == end) return {};
  if (*at == '\r') return parse_last_line(at, end);
  const char* const colon = skip(Class::token, at, end);
  if (colon == end) return {};
  if (*colon != ':') return refuse(bad_name(colon, at), at, end);
  if (colon == at) return refuse(H1Error::bad_field_name, at, end);
  if (colon - at > longest_name) return refuse(H1Error::field_name_too_long, at, end);
  const char* const stop = skip_value(colon + 1, end);
  if (end - stop < 2) return refuse(H1Error::bare_lf, stop, end);
  if (*stop != '\r' || stop[1] != '\n') return refuse(misplaced(stop), stop, end);
  const std::string_view name{at, colon};
  return {.kind = FieldLine::Kind::field,
          .error = {},
          .field = {name, without_white_space(colon + 1, stop), http::parse_name(name)},
          .next = stop + 2};
}

}  // namespace weir::codec
