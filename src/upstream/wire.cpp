#include "weir/upstream/wire.h"

namespace weir::upstream {

Wire wire_for(const policy::Upstream& upstream, const http::RequestHead& head) {
  switch (upstream.protocol) {
    case policy::Protocol::http_1_1: return Wire::http_1_1;
    case policy::Protocol::http_2: return Wire::http_2;
    case policy::Protocol::automatic: break;
  }
  if (!head.upgrade.empty() || head.method == http::Method::connect) return Wire::http_1_1;
  if (head.is_grpc()) return Wire::http_2;
  return upstream.tls ? Wire::agreed : Wire::http_1_1;
}

}  // namespace weir::upstream
