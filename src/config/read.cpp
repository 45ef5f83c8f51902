#include "read.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace weir::config {
namespace {

// Where we are, for messages: upstreams.catalog.endpoints[0].
class Path {
 public:
  void enter(std::string_view key) { steps_.push_back({key, 0}); }
  void enter(std::size_t index) { steps_.push_back({{}, index}); }
  void leave() { steps_.pop_back(); }

  std::string text() const {
    std::string result;
    for (const auto& [key, index] : steps_) {
      if (key.data() == nullptr) {
        result += fmt::format("[{}]", index);
      } else {
        result += fmt::format("{}{}", result.empty() ? "" : ".", key);
      }
    }
    return result.empty() ? "the file" : result;
  }

 private:
  struct Step {
    std::string_view key;
    std::size_t index;
  };
  std::vector<Step> steps_;
};

std::string_view word_for(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null: return "nothing";
    case Node::Kind::scalar: return "a single value";
    case Node::Kind::list: return "a list";
    case Node::Kind::map: return "a section";
  }
  return {};
}

class Reader {
 public:
  explicit Reader(Collector& problems) : problems_(problems) {}

  void section(Node& node, const Fields& fields) {
    if (!node.is_map()) return complain(node, expected("a section with keys", node));
    for (std::size_t index = 0; index < node.keys.size(); ++index) {
      const auto field = std::ranges::find(fields, node.keys[index].text, &Field::name);
      if (field == fields.end()) {
        unknown(node, node.keys[index], fields);
        continue;
      }
      if (field->need == Field::Need::refused) {
        refuse(node, node.keys[index], *field);
        continue;
      }
      path_.enter(field->name);
      value(node.items[index], *field);
      path_.leave();
      if (node.items[index].flawed) node.flawed = true;
    }
    require(node, fields);
    require_one(node, fields);
  }

 private:
  void value(Node& node, const Field& field) {
    if (node.flawed) return;  // reported already
    if (node.kind == Node::Kind::null) {
      return complain(node, {fmt::format("{} has no value", path_.text()), ""});
    }
    const bool empty = node.kind == Node::Kind::scalar && node.text.empty();
    if (empty && field.need == Field::Need::required) {
      return complain(node, {fmt::format("{} is empty", path_.text()), ""});
    }
    shape(node, field.shape);
  }

  void shape(Node& node, const Shape& shape) {
    std::visit([&](const auto& kind) { read(node, kind); }, shape.kind);
  }

  void read(Node& node, const Scalar& scalar) {
    if (node.flawed) return;
    if (node.kind != Node::Kind::scalar) return complain(node, expected("a single value", node));
    const Quoting quoting = node.quoted ? Quoting::quoted : Quoting::plain;
    if (auto complaint = scalar.read(node.text, quoting)) {
      complaint->message = fmt::format("{}: {}", path_.text(), complaint->message);
      complain(node, std::move(*complaint));
    }
  }

  void read(Node& node, const Section& section) {
    if (section.enabled != nullptr && node.kind == Node::Kind::scalar) {
      std::optional<bool> on;
      const Scalar word{&on, &codec_of(on), {}, {}};
      read(node, word);
      if (on) *section.enabled = *on;
      return;
    }
    if (section.word && node.kind == Node::Kind::scalar) return read(node, *section.word);
    if (section.enabled != nullptr) *section.enabled = true;
    this->section(node, section.open());
  }

  void read(Node& node, const List& list) {
    list.clear();
    if (list.shorthand == List::Short::one && node.kind == Node::Kind::scalar) {
      return shape(node, list.append());
    }
    if (!node.is_list()) return complain(node, expected("a list", node));
    std::unordered_set<std::string_view> seen;
    for (std::size_t index = 0; index < node.items.size(); ++index) {
      Node& item = node.items[index];
      path_.enter(index);
      shape(item, list.append());
      if (item.kind == Node::Kind::scalar && !seen.insert(item.text).second) {
        complain(item, {fmt::format("{}: \"{}\" is listed twice", path_.text(), item.text), ""});
      }
      path_.leave();
      if (item.flawed) node.flawed = true;
    }
  }

  void read(Node& node, const Dictionary& dictionary) {
    if (!node.is_map()) return complain(node, expected("a section with keys", node));
    for (std::size_t index = 0; index < node.keys.size(); ++index) {
      const Node::Key& key = node.keys[index];
      if (dictionary.check) {
        if (auto complaint = dictionary.check(key.text)) {
          problems_.error(key.at, key.text, std::move(*complaint));
          node.flawed = true;
          continue;
        }
      }
      path_.enter(key.text);
      Node& item = node.items[index];
      if (item.kind == Node::Kind::null && !item.flawed) {
        complain(item, {fmt::format("{} has no value", path_.text()), ""});
      } else {
        shape(item, dictionary.append(key.text));
      }
      path_.leave();
      if (item.flawed) node.flawed = true;
    }
  }

  Complaint expected(std::string_view what, const Node& node) const {
    return {fmt::format("{}: {} is expected here, not {}", path_.text(), what, word_for(node)), ""};
  }

  void complain(Node& node, Complaint complaint) {
    problems_.error(node.at, node.text, std::move(complaint));
    node.flawed = true;
  }

  void unknown(Node& node, const Node::Key& key, const Fields& fields) {
    std::vector<std::string_view> names;
    for (const Field& field : fields) {
      const bool wanted = field.need != Field::Need::refused && node.find(field.name) == nullptr;
      if (wanted) names.push_back(field.name);
    }
    problems_.error(key.at, key.text,
                    {fmt::format("unknown key \"{}\" in {}", key.text, path_.text()),
                     std::string{nearest(key.text, names).value_or("")}});
    node.flawed = true;
  }

  void require(Node& node, const Fields& fields) {
    for (const Field& field : fields) {
      if (field.need != Field::Need::required || node.find(field.name) != nullptr) continue;
      problems_.error(
          node.at, "",
          {fmt::format("the key \"{}\" is missing in {}", field.name, path_.text()), ""});
      node.flawed = true;
    }
  }

  // Among those that exclude each other one has to stand.
  void require_one(Node& node, const Fields& fields) {
    std::vector<std::string_view> names;
    std::vector<const Node::Key*> written;
    for (const Field& field : fields) {
      if (field.need != Field::Need::one_of) continue;
      names.push_back(field.name);
      const auto key = std::ranges::find(node.keys, field.name, &Node::Key::text);
      if (key != node.keys.end()) written.push_back(&*key);
    }
    if (names.empty() || written.size() == 1) return;
    const bool none = written.empty();
    problems_.error(none ? node.at : written.back()->at, none ? "" : written.back()->text,
                    {fmt::format("{}: write {}one of {}", path_.text(), none ? "" : "only ",
                                 fmt::join(names, " and ")),
                     ""});
    node.flawed = true;
  }

  void refuse(Node& node, const Node::Key& key, const Field& field) {
    path_.enter(field.name);
    problems_.error(key.at, key.text, {fmt::format("{}: {}", path_.text(), field.meaning), ""});
    path_.leave();
    node.flawed = true;
  }

  Collector& problems_;
  Path path_;
};

}  // namespace

void read(Node& root, const Fields& fields, Collector& problems) {
  if (root.kind == Node::Kind::null) {
    problems.error({}, "", {"the file is empty", ""});
    root.flawed = true;
    return;
  }
  Reader{problems}.section(root, fields);
}

}  // namespace weir::config
