#pragma once

#include <utility>

#include "weir/net/transport.h"
#include "weir/resilience/outcome.h"

namespace weir::upstream {

inline resilience::Failure failure_of(net::ConnectError error) {
  using resilience::Failure;
  switch (error) {
    case net::ConnectError::none: return Failure::none;
    case net::ConnectError::refused: return Failure::connect_refused;
    case net::ConnectError::unreachable: return Failure::connect_unreachable;
    case net::ConnectError::timeout: return Failure::connect_timeout;
    case net::ConnectError::exhausted: return Failure::connection_limit;
  }
  std::unreachable();
}

}  // namespace weir::upstream
