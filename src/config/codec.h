// Makes a Codec from a trait: parse a text, print a value.
#pragma once

#include <algorithm>
#include <expected>

#include "scalar.h"

namespace weir::config {

inline std::string lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return result;
}

template <class T>
using Parsed = std::expected<T, Complaint>;

inline std::unexpected<Complaint> wrong(std::string message, std::string suggestion = {}) {
  return std::unexpected(Complaint{std::move(message), std::move(suggestion)});
}

// A Trait has: Value; type(); schema(); parse(text) -> Parsed<Value>; print(value). It may have
// `literal` (numbers and booleans, which quotes turn into text), measure() and print_measure().
template <class Trait>
constexpr Codec make_codec() {
  using Value = typename Trait::Value;
  Codec codec{};
  codec.type = [] { return std::string{Trait::type()}; };
  codec.schema = [] { return std::string{Trait::schema()}; };
  codec.read = [](std::string_view text, Quoting quoting,
                  void* target) -> std::optional<Complaint> {
    if constexpr (requires { Trait::literal; }) {
      if (quoting == Quoting::quoted) {
        return Complaint{
            "\"" + std::string{text} + "\" in quotes is text, not " + std::string{Trait::type()},
            std::string{text}};
      }
    }
    Parsed<Value> parsed = Trait::parse(text);
    if (!parsed) return parsed.error();
    *static_cast<Value*>(target) = std::move(*parsed);
    return std::nullopt;
  };
  codec.print = [](const void* target) {
    return std::string{Trait::print(*static_cast<const Value*>(target))};
  };
  if constexpr (requires { Trait::literal; }) codec.form = Codec::Form::literal;
  if constexpr (requires(double measure) { Trait::print_measure(measure); }) {
    codec.measure = [](const void* target) {
      return Trait::measure(*static_cast<const Value*>(target));
    };
    codec.print_measure = [](double measure) { return Trait::print_measure(measure); };
  }
  return codec;
}

// For a value that is a part of Trait::Value, which set() fills in.
template <class Trait>
constexpr Codec part_codec() {
  using Value = typename Trait::Value;
  Codec codec{};
  codec.type = [] { return std::string{Trait::type()}; };
  codec.schema = [] { return std::string{Trait::schema()}; };
  codec.read = [](std::string_view text, Quoting, void* target) {
    return Trait::set(text, *static_cast<Value*>(target));
  };
  codec.print = [](const void* target) {
    return std::string{Trait::print(*static_cast<const Value*>(target))};
  };
  return codec;
}

// The same for std::optional: reading gives it a value.
template <class Trait>
constexpr Codec make_optional_codec() {
  using Value = typename Trait::Value;
  using Optional = std::optional<Value>;
  Codec codec = make_codec<Trait>();
  codec.read = [](std::string_view text, Quoting quoting,
                  void* target) -> std::optional<Complaint> {
    Value value{};
    auto complaint = make_codec<Trait>().read(text, quoting, &value);
    if (!complaint) *static_cast<Optional*>(target) = std::move(value);
    return complaint;
  };
  codec.print = [](const void* target) {
    const auto& value = *static_cast<const Optional*>(target);
    return value ? std::string{Trait::print(*value)} : std::string{};
  };
  if constexpr (requires(double measure) { Trait::print_measure(measure); }) {
    codec.measure = [](const void* target) {
      const auto& value = *static_cast<const Optional*>(target);
      return value ? Trait::measure(*value) : 0.0;
    };
  }
  codec.clear = [](void* target) { static_cast<Optional*>(target)->reset(); };
  return codec;
}

}  // namespace weir::config
