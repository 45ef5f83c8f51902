// What the pools of one worker share.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "weir/base/random.h"
#include "weir/base/scheduler.h"
#include "weir/base/units.h"
#include "weir/http/message.h"
#include "weir/net/transport.h"
#include "weir/telemetry/record.h"
#include "weir/upstream/graveyard.h"

namespace weir::upstream {

class H1Connection;
class H2Connection;

// Sidecars that were started together must not close and reopen together.
inline constexpr Ratio idle_jitter = percent(10);

// Heads of responses that came over streams, which live as long as one request: kept so that the
// next one does not allocate.
class SpareHeads {
 public:
  http::ResponseHead take() {
    return count_ == 0 ? http::ResponseHead{} : std::move(heads_[--count_]);
  }
  void give(http::ResponseHead&& head) {
    if (count_ == heads_.size()) return;
    head.clear();
    heads_[count_++] = std::move(head);
  }

 private:
  std::array<http::ResponseHead, 256> heads_;
  std::size_t count_ = 0;
};

struct PoolServices {
  Scheduler& scheduler;
  net::Connector& connector;
  Random& random;
  telemetry::Recorder& recorder;
  Graveyard<H1Connection>& h1_graveyard;
  Graveyard<H2Connection>& h2_graveyard;
  SpareHeads heads{};
};

}  // namespace weir::upstream
