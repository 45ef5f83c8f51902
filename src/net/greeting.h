// What a connection's first bytes say it is: pure, so that it can be fed anything.
#pragma once

#include <optional>
#include <span>

#include "weir/net/arrival.h"

namespace weir::net {

// Nullopt as long as more bytes could tell more. Once decided, more bytes change nothing.
std::optional<Greeting> recognise(std::span<const char> bytes);

// The best that can be said when nothing more comes, or not in time: what has begun like TLS or
// HTTP is taken for it, since those have time limits of their own.
Greeting recognise_at_last(std::span<const char> bytes);

}  // namespace weir::net
