// Puts admin::AdminServer behind the HTTP server of net.
#pragma once

#include "weir/admin/server.h"
#include "weir/net/http_server.h"

namespace weir::server {

net::HttpHandler operator_handler(admin::Sources sources);

}  // namespace weir::server
