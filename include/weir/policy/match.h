// What a route may ask of a request: plain values, as the operator wrote them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/http/method.h"

namespace weir::policy {

// A pattern over one text: `catalog`, `/v1/*`, `*.internal`, `*`.
struct Pattern {
  enum class Kind : std::uint8_t { any, exact, prefix, suffix };
  Kind kind = Kind::any;
  std::string text;  // without the star

  bool matches(std::string_view value) const;
  bool operator==(const Pattern&) const = default;
};

// A header or a cookie, by name.
struct FieldMatch {
  enum class Where : std::uint8_t { header, cookie };
  Where where = Where::header;
  std::string name;  // lower case for headers
  Pattern value;     // `any` asks only that it be present
};

struct Match {
  Pattern host;                       // compared without port, without case
  Pattern path;                       // compared without the query; a prefix ends at a segment
  std::vector<http::Method> methods;  // empty: all
  std::vector<FieldMatch> fields;     // all must hold
  std::vector<Pattern> callers;       // SPIFFE ids, one must fit; empty: everybody
};

// What makes a choice stick to a user: the text that is hashed.
struct StickyKey {
  enum class Kind : std::uint8_t { none, header, cookie, client_address };
  Kind kind = Kind::none;
  std::string name;
};

}  // namespace weir::policy
