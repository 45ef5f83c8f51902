// A small HTTP/1.1 client on the loop: keep-alive GETs to one address, for the demo's users, for
// its instances and for looking at admin pages. Not the data path.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/message.h"
#include "weir/net/connector.h"
#include "weir/net/loop.h"

namespace weir::cli {

struct CallResult {
  std::uint16_t status = 0;  // 0: no whole answer came within the limit
  std::string body;
  Duration took{};
};
using CallDone = std::function<void(const CallResult&)>;

class HttpCaller {
 public:
  HttpCaller(net::Loop& loop, const Address& to);
  ~HttpCaller();

  // A GET without a body to `target` of `authority`, with those fields. `done` is called once, from
  // the loop's top level, or never when the caller is destroyed before. A connection that was used
  // before and dies before any byte of the answer is replaced once (RFC 9112, 9.3.1).
  void get(http::RequestHead head, Duration limit, CallDone done);

 private:
  class Line;
  struct Call;
  void place(Call call);
  void remove(Line& line);

  net::Loop& loop_;
  net::TcpConnector connector_;
  Address to_;
  std::vector<std::unique_ptr<Line>> lines_;
};

// The head of `GET target` at `authority`.
http::RequestHead get_request(std::string_view authority, std::string_view target);

}  // namespace weir::cli
