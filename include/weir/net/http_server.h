// A small HTTP/1.1 server for operators: probes, scrapes and the admin page. Not the data path.
//
// Requests are answered one after the other on the loop's thread. Everything that a client may make
// it hold or wait for has a limit. It understands what curl, browsers and Prometheus send:
// Content-Length bodies, keep-alive, HEAD; it refuses transfer codings (RFC 9112, 6.1).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/intrusive.h"
#include "weir/base/units.h"
#include "weir/net/listener.h"
#include "weir/net/loop.h"

namespace weir::net {

struct HttpField {
  std::string name;  // in small letters
  std::string value;
};

struct HttpRequest {
  std::string method;
  std::string path;   // before the question mark, as it came
  std::string query;  // after it
  std::vector<HttpField> fields;
  std::string body;

  // The first field of that name (small letters); empty without one.
  std::string_view field(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<HttpField> fields;  // beside type and length
};

// Must not throw and must not destroy the server.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpLimits {
  std::size_t connections = 64;  // further ones are closed at once
  Bytes head = kibibytes(16);
  Bytes body = mebibytes(1);
  Duration request = std::chrono::seconds{10};   // from its first byte until it has arrived
  Duration response = std::chrono::seconds{30};  // until the client has taken it
  Duration idle = std::chrono::seconds{75};      // between requests; longer than a scrape interval
};

class HttpServer final : private AcceptEvents {
 public:
  HttpServer(Loop& loop, ListeningSocket socket, HttpHandler handler, HttpLimits limits = {});
  ~HttpServer();

  const Address& address() const { return listener_.address(); }

 private:
  class Session;
  void on_accept(Arrival arrival) override;
  void remove(Session& session);

  Loop& loop_;
  HttpHandler handler_;
  HttpLimits limits_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Listener listener_;
};

}  // namespace weir::net
