// Writes HTTP/1.1 messages (RFC 9112): heads, chunks, trailers. Appends to `out`.
//
// Framing comes from head.body alone: Transfer-Encoding in the fields is never written, and
// Content-Length only where this header says so, so that no message can have two framings
// whatever its source was. A field whose name is not a token or whose value holds a
// control character is a programming error: it asserts, and is left out where asserts are off, as
// are such bytes in a start line. Hop-by-hop fields are the caller's (http/hop_by_hop.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/http/message.h"

namespace weir::codec {

// Request line, Host (from authority), the fields in order except Host, framing, and for
// head.upgrade `Connection: upgrade` with `Upgrade`. Without a body, Content-Length: 0 for POST,
// PUT and PATCH (RFC 9110, 8.6). The scheme is not written: the target is in origin form, or in
// authority form for CONNECT.
void write_request_head(const http::RequestHead& head, std::string& out);

// Always HTTP/1.1. `request` is the method of the request that is answered. Without a body,
// Content-Length is what the fields hold (HEAD, 304), nothing for 1xx, 204, 304, HEAD and
// a CONNECT that succeeded, and 0 otherwise. `Connection: close` unless head.keep_alive, and
// `Connection: upgrade` when the fields hold Upgrade (101, 426). A body until close is sent as it
// is: the caller closes afterwards.
void write_response_head(const http::ResponseHead& head, std::string& out,
                         http::Method request = http::Method::get);

// A chunk is write_chunk_header, `size` bytes of data, chunk_end. `size` is above 0.
void write_chunk_header(std::uint64_t size, std::string& out);
inline constexpr std::string_view chunk_end = "\r\n";

// The last chunk and the trailers, which may be null. Fields that RFC 9110, 6.5.1 forbids in a
// trailer section are left out.
void write_last_chunk(const http::Fields* trailers, std::string& out);

}  // namespace weir::codec
