#include "weir/proxy/trailers.h"

#include "weir/resilience/grpc.h"

namespace weir::proxy {

http::Pull MarkedTrailers::pull() {
  const http::Pull pulled = origin_.pull();
  if (pulled.state != http::Pull::State::end || marked_) return pulled;
  const http::Fields* trailers = origin_.trailers();
  if (trailers != nullptr && tells_grpc_error(*trailers)) {
    marked_ = *trailers;
    marker_.mark_trailers(*marked_);
  }
  return pulled;
}

bool tells_grpc_error(const http::Fields& fields) {
  const auto status = fields.find(http::Name::grpc_status);
  return status && *status != "0";
}

bool blames_endpoint(const http::Fields& fields) {
  const auto status = fields.find(http::Name::grpc_status);
  return status && resilience::grpc_status_blames(resilience::read_grpc_status(*status));
}

void mark_no_retry(http::Fields& fields) {
  if (tells_grpc_error(fields)) fields.set(http::Name::grpc_retry_pushback_ms, "-1");
}

}  // namespace weir::proxy
