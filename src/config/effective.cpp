#include "weir/config/effective.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sections.h"

namespace weir::config {
namespace {

constexpr std::string_view safe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./%:-*";

// Stands without quotes and means the same to every YAML reader.
bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 10> words{"null", "true", "false", "yes", "no",
                                                   "on",   "off",  "y",     "n",   "nan"};
  if (text.empty() || text.find_first_not_of(safe) != std::string_view::npos) return false;
  const char first = text.front();
  if (first != '/' && (first < 'A' || first > 'Z') && (first < 'a' || first > 'z')) return false;
  std::string lowered{text};
  std::ranges::transform(lowered, lowered.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return !text.ends_with(':') && std::ranges::find(words, lowered) == words.end();
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (std::size_t index = 0; index < text.size(); ++index) {
    const char letter = text[index];
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      result += {'\\', letter};
    } else if (letter == '\n') {
      result += "\\n";
    } else if (byte < 0x20U || byte == 0x7FU) {
      result += fmt::format("\\x{:02x}", byte);
    } else if (text.substr(index).starts_with("${")) {
      result += "$$";  // text, not the name of a variable
    } else {
      result += letter;
    }
  }
  return result + '"';
}

std::string text_scalar(std::string_view text) {
  return is_plain(text) ? std::string{text} : quoted(text);
}

std::string written(const Scalar& scalar) {
  const std::string text = scalar.print();
  const bool free_text = scalar.codec == &body_codec() || scalar.codec == &codec_of(std::string{});
  // Numbers and quantities are plain; addresses in brackets and patterns with a star are not.
  const bool number = !free_text && !text.empty() && text.front() >= '0' && text.front() <= '9';
  const bool literal = scalar.codec->form == Codec::Form::literal;
  const bool word = !free_text && (text == "on" || text == "off");
  return literal || number || word ? text : text_scalar(text);
}

class Writer {
 public:
  std::string take() { return std::move(text_); }

  void fields(const Fields& fields, std::size_t indent) {
    for (const Field& field : fields) {
      if (field.print == Field::Print::hidden || field.need == Field::Need::refused) continue;
      const std::size_t before = text_.size();
      entry(std::string{field.name}, field.shape, indent);
      const bool nothing = text_.size() == before;
      if (nothing && field.print == Field::Print::always) line(indent, field.name, "\"\"");
    }
  }

 private:
  void entry(const std::string& key, const Shape& shape, std::size_t indent) {
    std::visit([&](const auto& kind) { write(key, kind, indent); }, shape.kind);
  }

  void line(std::size_t indent, std::string_view key, std::string_view value) {
    text_ += fmt::format("{:{}}{}:{}{}\n", "", indent, key, value.empty() ? "" : " ", value);
  }

  void write(const std::string& key, const Scalar& scalar, std::size_t indent) {
    if (!scalar.print().empty()) line(indent, key, written(scalar));
  }

  void write(const std::string& key, const Section& section, std::size_t indent) {
    if (!section.present()) return;
    if (section.enabled != nullptr && !*section.enabled) return line(indent, key, "off");
    const std::size_t before = text_.size();
    line(indent, key, "");
    const std::size_t after = text_.size();
    fields(section.open(), indent + 2);
    if (text_.size() == after) text_.resize(before);
  }

  void write(const std::string& key, const List& list, std::size_t indent) {
    const std::size_t size = list.size();
    if (size == 0) return line(indent, key, "[]");
    if (std::holds_alternative<Scalar>(list.at(0).kind)) {
      std::vector<std::string> items;
      for (std::size_t index = 0; index < size; ++index) {
        items.push_back(written(std::get<Scalar>(list.at(index).kind)));
      }
      return line(indent, key, fmt::format("[{}]", fmt::join(items, ", ")));
    }
    line(indent, key, "");
    for (std::size_t index = 0; index < size; ++index) {
      const std::size_t start = text_.size();
      fields(std::get<Section>(list.at(index).kind).open(), indent + 4);
      text_[start + indent + 2] = '-';
    }
  }

  void write(const std::string& key, const Dictionary& dictionary, std::size_t indent) {
    const auto keys = dictionary.keys();
    if (keys.empty()) return;
    line(indent, key, "");
    for (std::size_t index = 0; index < keys.size(); ++index) {
      const Shape shape = dictionary.at(index);
      const auto* scalar = std::get_if<Scalar>(&shape.kind);
      if (scalar != nullptr && scalar->print().empty()) {
        line(indent + 2, text_scalar(keys[index]), "\"\"");
      } else {
        entry(text_scalar(keys[index]), shape, indent + 2);
      }
    }
  }

  std::string text_;
};

}  // namespace

std::string effective_yaml(const policy::Service& service) {
  policy::Service copy = service;  // the shape is bound to something that may be written
  Writer writer;
  writer.fields(describe(copy), 0);
  return writer.take();
}

}  // namespace weir::config
