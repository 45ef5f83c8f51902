// Reads the head of a request for the HttpServer.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "weir/net/http_server.h"

namespace weir::net {

struct HttpHead {
  HttpRequest request;  // without its body
  std::uint64_t body_length = 0;
  bool keep_alive = true;
};

// `head` is everything before the empty line, or the status with which to refuse it.
std::variant<HttpHead, int> read_http_head(std::string_view head);

std::string_view http_reason(int status);

}  // namespace weir::net
