// The trailers of a gRPC response after a spent failover: clients read the mark that stops their
// own retries there (gRFC A6, "Pushback"), and whether the call failed is known only there. Whose
// fault it is (resilience/fault_marks.h) stands there for the same reason.
#pragma once

#include <optional>

#include "weir/http/stream.h"

namespace weir::proxy {

// Passes `origin`, which must outlive it, and has its trailers marked unless they say OK.
class MarkedTrailers final : public http::Source {
 public:
  // Adds what is true at the call's end.
  class Marker {
   public:
    virtual ~Marker() = default;
    virtual void mark_trailers(http::Fields& trailers) = 0;
  };

  // `marker` outlives it.
  MarkedTrailers(http::Source& origin, Marker& marker) : origin_(origin), marker_(marker) {}

  http::Pull pull() override;
  void consume(std::size_t count) override { origin_.consume(count); }
  void wake_on_readable(Wakeable* reader) override { origin_.wake_on_readable(reader); }
  const http::Fields* trailers() const override { return marked_ ? &*marked_ : origin_.trailers(); }

 private:
  http::Source& origin_;
  Marker& marker_;
  std::optional<http::Fields> marked_;
};

// Whether a gRPC call's end is told here, and is an error.
bool tells_grpc_error(const http::Fields& fields);
// The same of one that tells of an endpoint that does not work, and not of what was asked of it.
bool blames_endpoint(const http::Fields& fields);
// Says in the head of a trailers-only response, or in trailers, that nobody above should try again.
// Does nothing where `grpc-status` is OK or absent.
void mark_no_retry(http::Fields& fields);

}  // namespace weir::proxy
