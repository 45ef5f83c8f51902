#include <fmt/format.h>

#include "sections.h"
#include "weir/config/schema.h"

namespace weir::config {
namespace {

constexpr std::string_view introduction = R"(# Configuration

One YAML file per service. `weir check FILE` reports every mistake in it with file, line, column and
what was probably meant; `config/` has examples and `config/schema.json` gives editors completion.
This page is made from the table of keys that the reader itself follows.

## How values are written

| Kind | Written | Not |
|---|---|---|
| duration | `500us`, `250ms`, `1.5s`, `2m`, `1h`; at most `4h` | `250`, `1.5 s` |
| size | `512B`, `64KiB`, `1MiB`, `10MB` | `65536`, `64k` |
| share | `10%`, `0.5%` | `0.1` |
| count | `20` | `020`, `1e3`, `0x10`, `"20"` |
| true or false | `true`, `false` | `yes`, `on`, `"true"` |
| on or off | `on`, `off` | `true` |
| address | `10.0.0.4:8080`, `[2001:db8::1]:443`, `localhost:8080` | `catalog:8080`, `10.0.0.4` |
| pattern | `abc`, `abc*`, `"*abc"`, `"*"` (a leading star needs quotes) | `a*c` |

`${NAME}` inside a value is filled from the environment, and `${NAME:-default}` has a default for a
variable that is unset or empty. What a variable gives is text and never becomes structure. Inside
`{ }` and `[ ]` it needs quotes: `{ listen: "${ADDRESS}" }`. `$${` stands for a literal `${`.

A file is one document of at most 1 MiB. Unknown and duplicate keys, anchors, aliases and tags are
errors. A section that can be switched off takes `off` in place of its keys, and `on` for the
defaults.

## Routes

The most specific route takes a request: an exact host before `*.suffix` before any host, then an
exact path, then the longest prefix, then routes that ask for a method, headers or cookies, then the
order of the file. Behind all of them each upstream is reachable by its name as the host, so that a
file without routes works; `outbound.by_name: false` switches that off, and a written route whose
host pattern covers the name (such as a route without a host) goes before it.
)";

class Document {
 public:
  std::string take() { return std::move(text_); }

  void section(const std::string& path, std::string_view meaning, const Fields& fields) {
    text_ += fmt::format("\n## {}\n\n{}\n\n| Key | Kind | Default | Meaning |\n|---|---|---|---|\n",
                         path.empty() ? "The file" : fmt::format("`{}`", path), meaning);
    for (const Field& field : fields) {
      if (field.need != Field::Need::refused) row(field);
    }
    for (const Field& field : fields) {
      if (field.need == Field::Need::refused) continue;
      const std::string name{field.name};
      below(path.empty() ? name : path + "." + name, field.meaning, field.shape);
    }
  }

 private:
  struct Cells {
    std::string kind;
    std::string standard;
  };

  static Cells cells(const Scalar& scalar) { return {scalar.codec->type(), scalar.print()}; }
  static Cells cells(const Section& section) {
    if (section.word) {
      return {fmt::format("section, or {}", section.word->codec->type()), section.word->print()};
    }
    if (section.enabled == nullptr) return {"section", {}};
    return {"section, `on` or `off`", *section.enabled ? "on" : "off"};
  }
  static Cells cells(const List& list) {
    const std::size_t size = list.size();
    std::string standard;
    for (std::size_t index = 0; index < size; ++index) {
      const Shape shape = list.at(index);
      standard += (index == 0 ? "" : ", ") + std::get<Scalar>(shape.kind).print();
    }
    const Shape item = size > 0 ? list.at(0) : list.append();
    const Cells inner = std::visit([](const auto& kind) { return cells(kind); }, item.kind);
    if (size == 0) list.clear();
    const bool short_form = list.shorthand == List::Short::one;
    return {fmt::format("list: {}{}", inner.kind, short_form ? "; or a single one" : ""),
            standard.empty() ? standard : "[" + standard + "]"};
  }
  static Cells cells(const Dictionary& dictionary) {
    const Shape item = dictionary.append("name");
    const Cells inner = std::visit([](const auto& kind) { return cells(kind); }, item.kind);
    return {fmt::format("{} to {}", dictionary.key_word, inner.kind), {}};
  }

  void row(const Field& field) {
    auto [kind, standard] =
        std::visit([](const auto& shape) { return cells(shape); }, field.shape.kind);
    if (field.need == Field::Need::required) {
      standard = "required";
    } else if (field.need == Field::Need::one_of) {
      standard = "one of these";
    } else if (!standard.empty()) {
      standard = fmt::format("`{}`", standard);
    }
    text_ += fmt::format("| `{}` | {} | {} | {} |\n", field.name, kind, standard, field.meaning);
  }

  void below(const std::string& path, std::string_view meaning, const Shape& shape) {
    if (const auto* inner = std::get_if<Section>(&shape.kind)) {
      section(path, meaning, inner->open());
    } else if (const auto* list = std::get_if<List>(&shape.kind)) {
      below(path + "[]", meaning, list->append());
    } else if (const auto* dictionary = std::get_if<Dictionary>(&shape.kind)) {
      below(fmt::format("{}.<{}>", path, dictionary->key_word), meaning,
            dictionary->append("name"));
    }
  }

  std::string text_{introduction};
};

}  // namespace

std::string reference() {
  policy::Service service;
  Document document;
  document.section("", "What may stand at the top.", describe(service));
  return document.take();
}

}  // namespace weir::config
