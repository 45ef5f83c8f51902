// Which version of HTTP is spoken to an endpoint.
#pragma once

#include <cstdint>

#include "weir/http/message.h"
#include "weir/net/transport.h"
#include "weir/policy/upstream.h"

namespace weir::upstream {

enum class Wire : std::uint8_t {
  http_1_1,
  http_2,
  agreed  // either: what is agreed upon in the TLS handshake; HTTP/1.1 in plain text
};

// What the policy says for this request. Left to us, gRPC goes over HTTP/2, which it needs, and
// upgrades and CONNECT over HTTP/1.1. Everything else goes over HTTP/1.1, which every server
// speaks, or over what TLS agrees upon: HTTP/2 between two of our kind.
Wire wire_for(const policy::Upstream& upstream, const http::RequestHead& head);

// What is offered when connecting.
constexpr net::Alpn alpn_of(Wire wire) {
  switch (wire) {
    case Wire::http_1_1: return net::Alpn::http_1_1;
    case Wire::http_2: return net::Alpn::h2;
    case Wire::agreed: return net::Alpn::h2_or_http_1_1;
  }
  return net::Alpn::nothing;
}

}  // namespace weir::upstream
