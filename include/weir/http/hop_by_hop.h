// Fields that end at the next hop (RFC 9110, 7.6.1) and must not be handed on.
#pragma once

#include "weir/http/fields.h"

namespace weir::http {

// Removes Connection and what it nominates, Keep-Alive, Proxy-Connection, Transfer-Encoding,
// Upgrade, HTTP2-Settings, Expect, Proxy-Authenticate, Proxy-Authentication-Info and
// Proxy-Authorization. `TE: trailers` stays, as its only value, because gRPC needs it, and Trailer
// stays because trailers are handed on. Whoever wants an upgrade or an expectation to go on reads
// it before (RequestHead::upgrade, expects_continue).
//
// Connection cannot nominate a field that is meant for the recipient: a client that could have
// Forwarded, Cookie or a budget removed behind a proxy's back would be taken for somebody else
// ("hop-by-hop header abuse"). So nominations of every Name that is not listed above are ignored,
// and so are those of caching, authentication and identity fields and of the prefixes weir-,
// grpc-, x-forwarded-, x-envoy-, x-b3- and content-.
void remove_hop_by_hop(Fields& fields);

}  // namespace weir::http
