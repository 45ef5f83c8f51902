// Which protocols a connection may be changed into (RFC 9110, 7.8).
#pragma once

#include <string>
#include <string_view>

namespace weir::http {

// Whether it is HTTP in other words ("h2c", "HTTP/2.0", "TLS/1.2"): requests in a tunnel, which
// nobody would authorize, count or give a budget.
bool carries_http(std::string_view protocol);

// What of an Upgrade field's list may be asked for: without those protocols, and without what is
// none at all (`name` or `name/version`). Empty: nothing is left.
std::string allowed_upgrades(std::string_view list);

}  // namespace weir::http
