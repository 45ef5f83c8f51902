#include "weir/proxy/trailers.h"

namespace weir::proxy {

http::Pull MarkedTrailers::pull() {
  const http::Pull pulled = origin_.pull();
  if (pulled.state == http::Pull::State::end && !marked_ && origin_.trailers() != nullptr) {
    marked_ = *origin_.trailers();
    mark_no_retry(*marked_);
  }
  return pulled;
}

void mark_no_retry(http::Fields& fields) {
  const auto status = fields.find(http::Name::grpc_status);
  if (status && *status != "0") fields.set(http::Name::grpc_retry_pushback_ms, "-1");
}

}  // namespace weir::proxy
