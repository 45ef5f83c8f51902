// Responses that we make ourselves: one place, so that every one of them says who made it and why.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/time.h"
#include "weir/http/message.h"
#include "weir/resilience/fault_marks.h"
#include "weir/resilience/outcome.h"

namespace weir::proxy {

struct LocalReply {
  http::ResponseHead head;
  std::string body;
};

struct LocalReplyQuestion {
  resilience::Failure failure;
  bool grpc = false;            // answered as trailers-only with a gRPC status
  Duration retry_after{};       // positive: said in Retry-After, rounded up to seconds
  bool failover_spent = false;  // nobody above should try again
  resilience::FaultMarks marks{};
};

// Proxy-Status follows RFC 9209: `weir; error=connection_timeout; details="connect_timeout"`.
LocalReply make_local_reply(const LocalReplyQuestion& question);

// How a gRPC response ends that was relayed in part and cannot be completed: the status, told as
// make_local_reply() would.
http::Fields make_grpc_trailers(const LocalReplyQuestion& question);

// The route's static fallback.
LocalReply make_fallback_reply(std::uint16_t status, std::string_view content_type,
                               std::string_view body);

}  // namespace weir::proxy
