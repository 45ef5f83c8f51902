// The handshake of RFC 6455, for where WebSockets cross from HTTP/2 (RFC 8441) to HTTP/1.1 or back:
// HTTP/2 has neither the key nor its answer.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/random.h"

namespace weir::http {

// A Sec-WebSocket-Key: 16 random bytes in base64.
std::string make_websocket_key(Random& random);
// The Sec-WebSocket-Accept that answers it: SHA-1 of key and GUID, in base64 (RFC 6455, 4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace weir::http
