// What a health check says and how its answer is read: a GET, or Check of grpc.health.v1.Health
// (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
#pragma once

#include <string>
#include <string_view>

#include "weir/http/message.h"
#include "weir/policy/upstream.h"
#include "weir/resilience/health_check.h"

namespace weir::proxy {

struct HealthQuestion {
  http::RequestHead head;
  std::string body;  // one length-prefixed message of gRPC's; empty for a GET
};
// `authority` is the upstream's name. The answer is wanted within the policy's timeout.
HealthQuestion make_health_question(const policy::HealthCheck& policy, std::string_view authority);

struct HealthAnswer {
  resilience::Wellness wellness = resilience::Wellness::unwell;
  std::string_view reason;  // one word from a fixed set, for the log
};
// 200 to 299 is well.
HealthAnswer judge_http_health(const http::ResponseHead& head);
// SERVING is well, and so is UNIMPLEMENTED, as gRPC's own clients read it: a server without the
// health service works for all that is known. `trailers` may be null.
HealthAnswer judge_grpc_health(const http::ResponseHead& head, std::string_view body,
                               const http::Fields* trailers);

}  // namespace weir::proxy
