// What an application does for its own part: what it hands on, and how it calls.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "support/sim_peer.h"
#include "weir/codec/h1_head.h"

namespace weir::sim {

// What an application hands on from the request that it serves to the calls that it makes.
enum class Copies : std::uint8_t {
  everything,     // all fields, as they came
  trace_headers,  // traceparent with a span of its own, and tracestate
  trace_id,       // traceparent with a span of its own alone
  request_id,     // x-request-id
  nothing
};

// The field lines that it writes; `span` is its own.
std::string copied_fields(const http::RequestHead& served, Copies copies, std::uint64_t span);

// One call: a connection, a request, and the status of its answer, 0 where that did not come whole.
class Calling final : public Peer {
 public:
  Calling(std::shared_ptr<Link> link, std::function<void(int)> done)
      : Peer(std::move(link)), done_(std::move(done)) {}

  // Without a body.
  void request(std::string_view method, std::string_view host, std::string_view target,
               std::string_view fields);
  // Nobody waits for it any more.
  void drop();

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override { finish(0); }
  void on_reset() override { finish(0); }
  void finish(int status);

  std::function<void(int)> done_;
  std::string input_;
  http::ResponseHead head_;
  codec::ResponseHeadParser parser_{head_};
  bool in_body_ = false;
};

}  // namespace weir::sim
