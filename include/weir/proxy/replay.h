// A request body that can be told twice: what has been pulled is kept until it is too much.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/units.h"
#include "weir/http/stream.h"
#include "weir/resilience/failover.h"

namespace weir::proxy {

class Replay final : public http::Source {
 public:
  // Reads from `origin`, which must outlive it, and keeps at most `limit` bytes. From the trailers
  // claims of an identity are removed (proxy/forwarding.h); nullopt: nobody makes any.
  Replay(http::Source& origin, Bytes limit, std::optional<std::string_view> identity_header = {})
      : origin_(origin), limit_(limit), identity_header_(identity_header) {}

  http::Pull pull() override;
  void consume(std::size_t count) override;
  void wake_on_readable(Wakeable* reader) override { origin_.wake_on_readable(reader); }
  const http::Fields* trailers() const override {
    return honest_trailers_ ? &*honest_trailers_ : origin_.trailers();
  }

  resilience::Replay replay() const { return replay_; }
  // Starts again from the first byte; only while replay() is possible.
  void rewind() { position_ = 0; }
  // Nobody will rewind any more: stops keeping and frees what is kept as it is read.
  void settle();

 private:
  void check_trailers();

  http::Source& origin_;
  Bytes limit_;
  std::optional<std::string_view> identity_header_;
  std::optional<http::Fields> honest_trailers_;  // where there were claims
  std::vector<char> kept_;
  std::size_t position_ = 0;  // in kept_; at its end we read from the origin
  resilience::Replay replay_ = resilience::Replay::possible;
};

}  // namespace weir::proxy
