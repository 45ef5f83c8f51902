// What a test instance answers; the request's path says what.
//
//   /status/N          that status, a small body where the status allows one
//   /bytes/N           N bytes with content-length
//   /chunked/N         N bytes in chunks of 1000, then the trailer `x-trailer: last`
//   /until-close       a body that ends with the connection
//   /echo              the request's body, chunked with its trailers if it had any
//   /early             103 with a link, then 200
//   /slow/MS           200 after MS milliseconds
//   /drip/N/MS         N chunks with MS milliseconds between them
//   /upgrade           101 and an echo of every byte after it
//   /spent             503 that says that failover was spent below
//   /hop               200 with hop-by-hop fields that must not go on
//   anything else      200 and the instance's name
#pragma once

#include <string>
#include <string_view>

#include "peer_wire.h"

namespace peer {

// Status line and the field `x-instance`; more fields and an empty line have to follow.
std::string head(int status, std::string_view instance);
// A whole answer with content-length.
std::string plain(int status, std::string_view body, std::string_view instance);

struct Drip {
  unsigned pieces;
  unsigned pause_ms;
};
// A chunked answer, piece by piece; false when the caller has gone.
bool drip(Wire& wire, std::string_view instance, Drip pace);

// False when the connection is not to be used again or the caller has gone.
bool answer(const Call& call, Wire& wire, const std::string& instance);

// One line, without the newline.
std::string to_json(const Call& call);

}  // namespace peer
