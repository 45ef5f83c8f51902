#include "weir/net/closed.h"

#include <utility>

namespace weir::net {

std::string_view name_of(Closed reason) {
  switch (reason) {
    case Closed::peer: return "peer";
    case Closed::idle: return "idle";
    case Closed::timeout: return "timeout";
    case Closed::limit: return "limit";
    case Closed::error: return "error";
    case Closed::drain: return "drain";
    case Closed::overload: return "overload";
  }
  std::unreachable();
}

}  // namespace weir::net
