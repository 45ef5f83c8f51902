#include <algorithm>

#include "weir/policy/match.h"
#include "weir/policy/upstream.h"

namespace weir::policy {

bool Pattern::matches(std::string_view value) const {
  switch (kind) {
    case Kind::any: return true;
    case Kind::exact: return value == text;
    case Kind::prefix: return value.starts_with(text);
    case Kind::suffix: return value.ends_with(text);
  }
  return false;
}

bool Failover::retries(FailoverOn what) const { return std::ranges::find(on, what) != on.end(); }

}  // namespace weir::policy
