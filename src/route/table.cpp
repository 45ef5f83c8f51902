#include "weir/route/table.h"

#include <algorithm>
#include <bitset>
#include <limits>
#include <string>
#include <vector>

#include "flat_index.h"

namespace weir::route {
namespace {

using policy::Pattern;

constexpr std::uint32_t absent = std::numeric_limits<std::uint32_t>::max();

// Routes that agree in host and path, in the order in which they are tried.
using Candidates = std::vector<std::uint32_t>;

// Everything known of one host pattern. Numbers are indices of candidate lists, `absent` for none.
struct Host {
  std::uint32_t root = absent;  // the trie node of `/*`
  std::uint32_t any = absent;
  std::vector<std::size_t> suffix_lengths;  // of path suffixes, longest first
};

struct Node {
  std::uint32_t candidates = absent;
};

std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

// "[::1]:80" is "[::1]", "catalog:80" is "catalog".
std::string_view without_port(std::string_view authority) {
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  if (authority.find(']', colon) != std::string_view::npos) return authority;
  return authority.substr(0, colon);
}

void note_length(std::vector<std::size_t>& lengths, std::size_t length) {
  const auto place = std::ranges::lower_bound(lengths, length, std::greater<>{});
  if (place == lengths.end() || *place != length) lengths.insert(place, length);
}

// Takes the next segment off a path that begins with a slash.
std::string_view take_segment(std::string_view& rest) {
  rest.remove_prefix(1);
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

}  // namespace

struct Table::Compiled {
  struct Asked {
    const http::RequestHead& request;
    std::string_view caller;
  };
  static constexpr std::size_t longest_host = 255;  // RFC 1035, 2.3.4

  struct Conditions {
    std::uint16_t methods = 0xffff;  // a bit per http::Method
    const policy::Match* match = nullptr;
  };

  explicit Compiled(std::span<const policy::Route> routes) {
    for (const auto& route : routes) add(route.match);
  }

  void add(const policy::Match& match) {
    const auto index = static_cast<std::uint32_t>(conditions_.size());
    Conditions conditions{.match = &match};
    if (!match.methods.empty()) conditions.methods = 0;
    for (const auto method : match.methods) {
      conditions.methods =
          static_cast<std::uint16_t>(conditions.methods | (1U << static_cast<unsigned>(method)));
    }
    conditions_.push_back(conditions);
    asks_for_caller_ = asks_for_caller_ || !match.callers.empty();
    Candidates& candidates = lists_[place(host_of(match.host), match.path)];
    const auto end_of_conditional = std::ranges::find_if(
        candidates, [&](std::uint32_t other) { return !conditional(*conditions_[other].match); });
    candidates.insert(conditional(match) ? end_of_conditional : candidates.end(), index);
  }

  static bool conditional(const policy::Match& match) {
    return !match.methods.empty() || !match.fields.empty() || !match.callers.empty();
  }

  static bool is_for(const policy::Match& match, std::string_view caller) {
    if (match.callers.empty()) return true;
    return !caller.empty() && std::ranges::any_of(match.callers, [caller](const Pattern& pattern) {
      return pattern.matches(caller);
    });
  }
  bool asks_for_caller() const { return asks_for_caller_; }

  std::uint32_t host_of(const Pattern& pattern) {
    const std::string text = lower_case(pattern.text);
    const auto fresh = static_cast<std::uint32_t>(hosts_.size());
    std::uint32_t host = fresh;
    switch (pattern.kind) {
      case Pattern::Kind::exact: host = exact_hosts_.insert(0, text, fresh); break;
      case Pattern::Kind::suffix:
        host = suffix_hosts_.insert(0, text, fresh);
        if (text.size() <= longest_host) suffix_host_lengths_.set(text.size());
        break;
      case Pattern::Kind::prefix:
        host = prefix_hosts_.insert(0, text, fresh);
        note_length(prefix_host_lengths_, text.size());
        break;
      case Pattern::Kind::any:
        if (any_host_ == absent) any_host_ = fresh;
        host = any_host_;
        break;
    }
    if (host == fresh) hosts_.emplace_back();
    return host;
  }

  // The list of candidates for a path pattern of `host`, made when it is new.
  std::uint32_t place(std::uint32_t host, const Pattern& path) {
    const auto fresh = static_cast<std::uint32_t>(lists_.size());
    std::uint32_t list = fresh;
    switch (path.kind) {
      case Pattern::Kind::exact: list = exact_paths_.insert(host, path.text, fresh); break;
      case Pattern::Kind::suffix:
        list = suffix_paths_.insert(host, path.text, fresh);
        note_length(hosts_[host].suffix_lengths, path.text.size());
        break;
      case Pattern::Kind::prefix: {
        std::uint32_t& candidates = nodes_[node_of(host, path.text)].candidates;
        list = candidates = candidates == absent ? fresh : candidates;
        break;
      }
      case Pattern::Kind::any: {
        std::uint32_t& candidates = hosts_[host].any;
        list = candidates = candidates == absent ? fresh : candidates;
        break;
      }
    }
    if (list == fresh) lists_.emplace_back();
    return list;
  }

  std::uint32_t node_of(std::uint32_t host, std::string_view prefix) {
    if (prefix.ends_with('/')) prefix.remove_suffix(1);
    // A path that does not begin with a slash is never taken for a prefix.
    if (!prefix.empty() && prefix.front() != '/') return new_node();
    if (hosts_[host].root == absent) hosts_[host].root = new_node();
    std::uint32_t node = hosts_[host].root;
    while (!prefix.empty()) {
      const std::string_view segment = take_segment(prefix);
      const auto fresh = static_cast<std::uint32_t>(nodes_.size());
      node = segments_.insert(node, segment, fresh);
      if (node == fresh) new_node();
    }
    return node;
  }

  std::uint32_t new_node() {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  std::optional<std::size_t> find(const Asked& asked) const {
    const std::string_view name = without_port(asked.request.authority);
    if (const auto host = exact_hosts_.find(0, name)) {
      if (const auto route = find_in(*host, asked)) return route;
    }
    if (const auto route = find_by_suffix(name, asked)) return route;
    for (const std::size_t length : prefix_host_lengths_) {
      if (length > name.size()) continue;
      const auto host = prefix_hosts_.find(0, name.substr(0, length));
      if (!host) continue;
      if (const auto route = find_in(*host, asked)) return route;
    }
    return any_host_ == absent ? std::nullopt : find_in(any_host_, asked);
  }

  // From the longest suffix to the shortest. Only lengths that some route has are looked up, which
  // for `*.internal` comes to the same as walking the labels, and takes `*-canary` as well.
  std::optional<std::size_t> find_by_suffix(std::string_view name, const Asked& asked) const {
    if (suffix_host_lengths_.none()) return std::nullopt;
    for (std::size_t length = std::min(name.size(), longest_host); length > 0; --length) {
      if (!suffix_host_lengths_.test(length)) continue;
      const auto host = suffix_hosts_.find(0, name.substr(name.size() - length));
      if (!host) continue;
      if (const auto route = find_in(*host, asked)) return route;
    }
    return std::nullopt;
  }

  std::optional<std::size_t> find_in(std::uint32_t index, const Asked& asked) const {
    const Host& host = hosts_[index];
    const std::string_view path = asked.request.path();
    if (const auto list = exact_paths_.find(index, path)) {
      if (const auto route = first_that_holds(*list, asked)) return route;
    }
    if (host.root != absent && path.starts_with('/')) {
      if (const auto route = find_by_prefix(host.root, path, asked)) return route;
    }
    for (const std::size_t length : host.suffix_lengths) {
      if (length > path.size()) continue;
      const auto list = suffix_paths_.find(index, path.substr(path.size() - length));
      if (!list) continue;
      if (const auto route = first_that_holds(*list, asked)) return route;
    }
    return first_that_holds(host.any, asked);
  }

  // Deeper nodes first: what is found on the way back up is less specific.
  std::optional<std::size_t> find_by_prefix(std::uint32_t node, std::string_view rest,
                                            const Asked& asked) const {
    if (!rest.empty()) {
      const std::string_view segment = take_segment(rest);
      const auto child = segments_.find(node, segment);
      if (child) {
        if (const auto route = find_by_prefix(*child, rest, asked)) return route;
      }
    }
    return first_that_holds(nodes_[node].candidates, asked);
  }

  std::optional<std::size_t> first_that_holds(std::uint32_t list, const Asked& asked) const {
    if (list == absent) return std::nullopt;
    for (const std::uint32_t route : lists_[list]) {
      const Conditions& conditions = conditions_[route];
      if (((conditions.methods >> static_cast<unsigned>(asked.request.method)) & 1U) == 0) continue;
      const auto field_holds = [&](const auto& field) { return holds(field, asked.request); };
      if (!std::ranges::all_of(conditions.match->fields, field_holds)) continue;
      if (is_for(*conditions.match, asked.caller)) return route;
    }
    return std::nullopt;
  }

 private:
  std::vector<Conditions> conditions_;  // by route
  bool asks_for_caller_ = false;
  std::vector<Candidates> lists_;
  std::vector<Host> hosts_;
  std::vector<Node> nodes_;
  std::uint32_t any_host_ = absent;
  FlatIndex exact_hosts_;
  FlatIndex suffix_hosts_;
  FlatIndex prefix_hosts_;
  std::bitset<longest_host + 1> suffix_host_lengths_;
  std::vector<std::size_t> prefix_host_lengths_;  // longest first
  FlatIndex exact_paths_;                         // scope: host
  FlatIndex suffix_paths_;                        // scope: host
  FlatIndex segments_;                            // scope: parent node
};

Table::Table(std::span<const policy::Route> routes)
    : compiled_(std::make_unique<Compiled>(routes)) {}
Table::~Table() = default;
Table::Table(Table&&) noexcept = default;
Table& Table::operator=(Table&&) noexcept = default;

std::optional<std::size_t> Table::find(const http::RequestHead& request,
                                       std::string_view caller) const {
  return compiled_->find({request, caller});
}

bool Table::asks_for_caller() const { return compiled_->asks_for_caller(); }

}  // namespace weir::route
