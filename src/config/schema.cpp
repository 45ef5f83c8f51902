#include "weir/config/schema.h"

#include <boost/json.hpp>

#include "sections.h"

namespace weir::config {
namespace {

namespace json = boost::json;

json::value parse_fragment(const std::string& text) { return json::parse(text); }

json::object one_of(json::value first, json::value second) {
  return {{"anyOf", json::array{std::move(first), std::move(second)}}};
}

json::object on_or_off() { return {{"enum", json::array{"on", "off"}}}; }

json::object schema_of(const Shape& shape);

json::object schema_of(const Scalar& scalar) {
  json::object schema = parse_fragment(scalar.codec->schema()).as_object();
  const bool absent = !scalar.absent.empty();
  // The codec of an optional address knows its word itself.
  if (absent && scalar.codec != &listen_codec()) {
    schema = one_of(std::move(schema), json::object{{"const", json::string{scalar.absent}}});
  }
  return schema;
}

json::object schema_of(const Fields& fields) {
  json::object properties;
  json::array required;
  json::array one_of_these;
  for (const Field& field : fields) {
    if (field.need == Field::Need::refused) continue;
    if (field.need == Field::Need::one_of) {
      one_of_these.push_back(json::object{{"required", json::array{json::string{field.name}}}});
    }
    json::object schema = schema_of(field.shape);
    schema["description"] = json::string{field.meaning};
    if (const auto* scalar = std::get_if<Scalar>(&field.shape.kind)) {
      const std::string text = scalar->print();
      const bool literal = scalar->codec->form == Codec::Form::literal;
      if (field.need == Field::Need::required) {
        required.push_back(json::string{field.name});
      } else if (!text.empty() && field.need == Field::Need::optional) {
        schema["default"] = literal ? json::parse(text) : json::value(json::string{text});
      }
    } else if (field.need == Field::Need::required) {
      required.push_back(json::string{field.name});
    }
    properties[field.name] = std::move(schema);
  }
  json::object schema{{"type", "object"}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  if (!one_of_these.empty()) schema["oneOf"] = std::move(one_of_these);
  schema["properties"] = std::move(properties);
  return schema;
}

json::object schema_of(const Section& section) {
  json::object schema = schema_of(section.open());
  if (section.word) return one_of(schema_of(*section.word), std::move(schema));
  return section.enabled != nullptr ? one_of(on_or_off(), std::move(schema)) : schema;
}

json::object schema_of(const List& list) {
  const std::size_t size = list.size();
  json::object item = schema_of(size > 0 ? list.at(0) : list.append());
  if (size == 0) list.clear();  // leaves the defaults as they were
  json::object array{{"type", "array"}, {"items", item}};
  return list.shorthand == List::Short::one ? one_of(std::move(item), std::move(array)) : array;
}

json::object schema_of(const Dictionary& dictionary) {
  return {{"type", "object"}, {"additionalProperties", schema_of(dictionary.append("name"))}};
}

json::object schema_of(const Shape& shape) {
  return std::visit([](const auto& kind) { return schema_of(kind); }, shape.kind);
}

// Boost.JSON writes everything on one line; the file is for people, too.
void pretty(const json::value& value, std::size_t indent, std::string& text) {
  const auto line = [&](std::size_t depth) { text.append("\n").append(depth * 2, ' '); };
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    text += '{';
    std::size_t count = 0;
    for (const auto& [key, member] : *object) {
      text += count++ == 0 ? "" : ",";
      line(indent + 1);
      text += json::serialize(json::string{key}) + ": ";
      pretty(member, indent + 1, text);
    }
    line(indent);
    text += '}';
    return;
  }
  const auto* array = value.if_array();
  if (array == nullptr || array->empty() || !array->front().is_object()) {
    text += json::serialize(value);
    return;
  }
  text += '[';
  std::size_t count = 0;
  for (const auto& member : *array) {
    text += count++ == 0 ? "" : ",";
    line(indent + 1);
    pretty(member, indent + 1, text);
  }
  line(indent);
  text += ']';
}

}  // namespace

std::string json_schema() {
  policy::Service service;
  json::object schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", "weir: the policy of one service"}};
  for (const auto& [key, value] : schema_of(describe(service))) schema[key] = value;
  std::string text;
  pretty(schema, 0, text);
  return text + '\n';
}

}  // namespace weir::config
