#include "parse.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <tuple>

namespace weir::config {
namespace {

// Thrown by the builder, past yaml-cpp, once going on makes no sense; caught in parse().
struct Stop {};

Position position(const YAML::Mark& mark) {
  return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1};
}

// Builds the tree from the parser's events, so that limits hold before memory is spent and an
// alias is seen as an alias.
class Builder final : public YAML::EventHandler {
 public:
  Builder(Node& root, Collector& problems) : root_(root), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      stop(position(mark), {"the file holds several documents (---); one file is one service", ""});
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (wants_key()) stop(position(mark), {"a key is missing before \":\"", ""});
    // The mark of an absent value is that of whatever comes next: its key says where it is.
    const bool in_map = !open_.empty() && open_.back()->is_map();
    place(Node::Kind::null, in_map ? open_.back()->keys.back().at : position(mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "*",
           {"aliases (*name) are not supported: write the value out, and put a pattern that starts "
            "with a star in quotes",
            ""});
    if (wants_key()) throw Stop{};
    place(Node::Kind::null, position(mark)).flawed = true;
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (wants_key()) {
      count();
      open_.back()->keys.push_back({value, position(mark)});
      return;
    }
    Node& node = place(Node::Kind::scalar, position(mark));
    node.text = value;
    node.quoted = tag == "!";
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    enter(mark, tag, anchor, Node::Kind::list);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    enter(mark, tag, anchor, Node::Kind::map);
  }
  void OnMapEnd() override {
    refuse_duplicates(*open_.back());
    open_.pop_back();
  }

 private:
  bool wants_key() const {
    return !open_.empty() && open_.back()->is_map() &&
           open_.back()->keys.size() == open_.back()->items.size();
  }

  void enter(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             Node::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (wants_key()) stop(position(mark), {"a key must be a plain word", ""});
    if (open_.size() >= deepest) {
      stop(position(mark), {fmt::format("nested deeper than {} levels", deepest), ""});
    }
    open_.push_back(&place(kind, position(mark)));
  }

  // Pointers to open nodes stay valid: only the innermost one grows.
  Node& place(Node::Kind kind, Position at) {
    count();
    Node& node = open_.empty() ? root_ : open_.back()->items.emplace_back();
    node.kind = kind;
    node.at = at;
    return node;
  }

  void count() {
    if (++nodes_ > most_nodes) stop({}, {fmt::format("more than {} values", most_nodes), ""});
  }

  void refuse(const YAML::Mark& mark, std::string_view offending, Complaint complaint) {
    problems_.error(position(mark), offending, std::move(complaint));
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    refuse(mark, "&",
           {"anchors (&name) are not supported: write the value out where it is used", ""});
  }

  // yaml-cpp gives "?" for plain scalars and "!" for quoted ones.
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(mark, "!", {fmt::format("tags ({}) are not supported", tag), ""});
  }

  void refuse_duplicates(const Node& map) {
    std::vector<const Node::Key*> sorted;
    sorted.reserve(map.keys.size());
    for (const auto& key : map.keys) sorted.push_back(&key);
    std::ranges::sort(sorted, [](const Node::Key* left, const Node::Key* right) {
      return std::tie(left->text, left->at) < std::tie(right->text, right->at);
    });
    for (std::size_t index = 1; index < sorted.size(); ++index) {
      if (sorted[index]->text != sorted[index - 1]->text) continue;
      problems_.error(sorted[index]->at, sorted[index]->text,
                      {fmt::format("duplicate key \"{}\", already given on line {}",
                                   sorted[index]->text, sorted[index - 1]->at.line),
                       ""});
    }
  }

  [[noreturn]] void stop(Position at, Complaint complaint) {
    problems_.error(at, "", std::move(complaint));
    throw Stop{};
  }

  Node& root_;
  Collector& problems_;
  std::vector<Node*> open_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// Reads from memory without a copy.
class View final : public std::streambuf {
 public:
  explicit View(std::string_view text) {
    char* start = const_cast<char*>(text.data());  // the get area is only ever read
    setg(start, start, start + text.size());
  }
};

Position position_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::ranges::count(before, '\n');
  const auto start = before.rfind('\n');
  const std::size_t column = start == std::string_view::npos ? offset : offset - start - 1;
  return {static_cast<int>(lines) + 1, static_cast<int>(column) + 1};
}

// The number of bytes of the UTF-8 sequence that `text` starts with; 0 when it is none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const auto tail = [&](std::size_t index) { return (byte(index) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80U) return 1;
  if (lead >= 0xC2U && lead < 0xE0U) return tail(1) ? 2 : 0;
  if (lead >= 0xE0U && lead < 0xF0U) {
    const bool overlong = lead == 0xE0U && byte(1) < 0xA0U;
    const bool surrogate = lead == 0xEDU && byte(1) >= 0xA0U;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead < 0xF0U || lead >= 0xF5U) return 0;
  const bool overlong = lead == 0xF0U && byte(1) < 0x90U;
  const bool beyond = lead == 0xF4U && byte(1) >= 0x90U;
  return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
}

// True when every byte is text that YAML allows.
bool is_text(std::string_view text, Collector& problems) {
  for (std::size_t offset = 0; offset < text.size();) {
    const std::size_t length = sequence(text.substr(offset));
    const auto byte = static_cast<unsigned char>(text[offset]);
    const bool control =
        (byte < 0x20U && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7FU;
    if (length == 0 || control) {
      problems.error(position_of(text, offset), "",
                     {fmt::format("byte 0x{:02x} is not text: the file must be UTF-8 without "
                                  "control characters",
                                  byte),
                      ""});
      return false;
    }
    offset += length;
  }
  return true;
}

std::string_view line_at(std::string_view text, int line) {
  for (int number = 1; number < line; ++number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The parser's sentence, with the cure for the mistakes that everybody makes.
Complaint explain(std::string_view line, const std::string& words) {
  const auto indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != std::string_view::npos) {
    return {"a tab stands in the indentation: YAML indents with spaces only", ""};
  }
  if (line.find("${") != std::string_view::npos) {
    return {
        fmt::format("not valid YAML: {}; inside {{ }} and [ ] a \"${{NAME}}\" needs quotes", words),
        ""};
  }
  if (line.find(": *") != std::string_view::npos) {
    return {
        fmt::format("not valid YAML: {}; a pattern that starts with a star needs quotes", words),
        ""};
  }
  return {"not valid YAML: " + words, ""};
}

}  // namespace

std::optional<Node> parse(std::string_view text, Collector& problems) {
  if (text.size() > most_bytes) {
    problems.error({}, "", {fmt::format("the file is larger than {} bytes", most_bytes), ""});
    return std::nullopt;
  }
  if (!is_text(text, problems)) return std::nullopt;
  Node root;
  try {
    View view{text};
    std::istream stream{&view};
    YAML::Parser parser{stream};
    Builder builder{root, problems};
    while (parser.HandleNextDocument(builder)) continue;
  } catch (const Stop&) {
    return std::nullopt;
  } catch (const YAML::Exception& exception) {
    const Position at = position(exception.mark);
    problems.error(at, "", explain(line_at(text, at.line), exception.msg));
    return std::nullopt;
  }
  return root;
}

}  // namespace weir::config
