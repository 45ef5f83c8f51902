// A route: which requests, to which upstream and version, with which budget and fallback.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.h"
#include "weir/base/units.h"
#include "weir/policy/match.h"

namespace weir::policy {

struct VersionShare {
  std::string version;
  Ratio share;
};

// Rules are tried in order; the first whose `when` holds decides. A rule with a split and no
// `when` always holds. Without any rule every version of the upstream is eligible.
struct VersionRule {
  std::optional<FieldMatch> when;
  // A stable share of users: those whose key hashes below `cohort`.
  std::optional<Ratio> cohort;
  std::string to;                   // one version ...
  std::vector<VersionShare> split;  // ... or shares that add up to 100 %
  StickyKey sticky;                 // of the split or the cohort; none: by chance
};

struct Fallback {
  enum class Kind : std::uint8_t { static_response, upstream };
  Kind kind = Kind::static_response;
  std::uint16_t status = 200;
  std::string body;
  std::string content_type;
  std::string upstream;  // Kind::upstream
  std::string version;   // optional, of that upstream
};

enum class CallerGone : std::uint8_t { by_method, cancel, finish };

// Whether a call belongs to the inbound request that caused it. `off` for what shall outlive that
// request: it inherits no budget and no mark, and is not cancelled with it.
enum class Correlate : std::uint8_t { on, off };

struct Route {
  std::string name;  // given, or made from the match; unique in the service
  Match match;
  std::string to;                  // an upstream's name
  std::optional<Duration> budget;  // none: the listener's
  std::optional<bool> failover;    // overrides the upstream's `enabled`
  std::vector<VersionRule> versions;
  std::optional<Fallback> fallback;
  CallerGone on_caller_gone = CallerGone::by_method;
  Correlate correlate = Correlate::on;
  std::optional<Bytes> body_limit;
  std::optional<Duration> idle;  // streams: idle limit instead of a total after the first byte
};

}  // namespace weir::policy
