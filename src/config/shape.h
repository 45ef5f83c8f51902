// The shape of the configuration, as data bound to a live policy struct.
//
// A section is a table of fields: key, meaning, and the place of the value. Reading, the effective
// configuration, the JSON Schema and the reference all walk the same tables, so that keys, types,
// defaults and documentation cannot diverge. The tables are in sections*.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "scalar.h"

namespace weir::config {

struct Field;
struct Shape;
using Fields = std::vector<Field>;

// A mapping whose keys are known.
struct Section {
  std::function<Fields()> open;  // makes it present; bound to the struct behind it
  std::function<bool()> present;
  bool* enabled = nullptr;  // where set, `on` or `off` may stand instead of the mapping
  std::optional<Scalar> word = std::nullopt;  // where set, this value may stand instead of it
};

// A list of values or of sections.
struct List {
  std::function<void()> clear;
  std::function<Shape()> append;  // invalidates the shapes that were given before
  std::function<std::size_t()> size;
  std::function<Shape(std::size_t index)> at;
  enum class Short : std::uint8_t { none, one } shorthand = Short::none;  // one: without brackets
};

// A mapping whose keys are names that the operator gives.
struct Dictionary {
  std::string_view key_word;  // what a key is called: `<name>`
  std::function<std::optional<Complaint>(std::string_view key)> check;
  std::function<Shape(const std::string& key)> append;
  std::function<std::vector<std::string>()> keys;
  std::function<Shape(std::size_t index)> at;
};

struct Shape {
  std::variant<Scalar, Section, List, Dictionary> kind;
};

struct Field {
  std::string_view name;
  std::string_view meaning;
  Shape shape;
  enum class Need : std::uint8_t {
    optional,
    required,
    one_of,  // exactly one of the section's keys with this need
    refused  // known, but not to be had here: `meaning` is the answer, the shape is never read
  } need = Need::optional;
  enum class Print : std::uint8_t {
    shown,
    hidden,  // left out of the effective configuration: no meaning beside its neighbours
    always   // shown even when empty, because the key alone says something
  } print = Print::shown;
};

// For a list whose default is to be empty.
inline Field::Print unless_empty(const auto& list) {
  return list.empty() ? Field::Print::hidden : Field::Print::shown;
}

}  // namespace weir::config
