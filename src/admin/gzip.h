// A body in gzip (RFC 1952), for scrapes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::admin {

// Nullopt when memory is short.
std::optional<std::string> gzip(std::string_view bytes);
// Whether an Accept-Encoding field takes gzip.
bool takes_gzip(std::string_view accept_encoding);

}  // namespace weir::admin
