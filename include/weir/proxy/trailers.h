// The trailers of a gRPC response after a spent failover: clients read the mark that stops their
// own retries there (gRFC A6, "Pushback"), and whether the call failed is known only there.
#pragma once

#include <optional>

#include "weir/http/stream.h"

namespace weir::proxy {

// Passes `origin`, which must outlive it, and adds `grpc-retry-pushback-ms: -1` to its trailers
// unless they say OK.
class MarkedTrailers final : public http::Source {
 public:
  explicit MarkedTrailers(http::Source& origin) : origin_(origin) {}

  http::Pull pull() override;
  void consume(std::size_t count) override { origin_.consume(count); }
  void wake_on_readable(Wakeable* reader) override { origin_.wake_on_readable(reader); }
  const http::Fields* trailers() const override { return marked_ ? &*marked_ : origin_.trailers(); }

 private:
  http::Source& origin_;
  std::optional<http::Fields> marked_;
};

// Says in the head of a trailers-only response, or in trailers, that nobody above should try again.
// Does nothing where `grpc-status` is OK or absent.
void mark_no_retry(http::Fields& fields);

}  // namespace weir::proxy
