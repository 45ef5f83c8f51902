// Which version of HTTP is spoken to an endpoint.
#pragma once

#include <cstdint>

#include "weir/http/message.h"
#include "weir/policy/upstream.h"

namespace weir::upstream {

enum class Wire : std::uint8_t { http_1_1, http_2 };

// What the policy says for this request. Left to us, gRPC goes over HTTP/2, which it needs;
// everything else over HTTP/1.1, which every server speaks, upgrades and CONNECT included.
Wire wire_for(const policy::Upstream& upstream, const http::RequestHead& head);

}  // namespace weir::upstream
