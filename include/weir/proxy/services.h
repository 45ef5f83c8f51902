// What a worker lends to its exchanges; outlives them.
#pragma once

#include "weir/base/mailbox.h"
#include "weir/base/random.h"
#include "weir/base/scheduler.h"
#include "weir/telemetry/record.h"
#include "weir/upstream/pool.h"

namespace weir::proxy {

class Correlator;
class Exchange;
class HeldPermits;
class PassThrough;

class ExchangeOwner {
 public:
  // The exchange has been recorded; destroy it from the loop's top level.
  virtual void on_ended(Exchange& exchange) = 0;

 protected:
  ~ExchangeOwner() = default;
};

struct Services {
  Scheduler& scheduler;
  Mailbox& mailbox;
  upstream::Pools& pools;
  Random& random;
  telemetry::Recorder& recorder;
  Correlator& correlator;
  HeldPermits& held_permits;
  PassThrough& pass_through;  // for requests to destinations that no policy names
  ExchangeOwner& owner;
};

}  // namespace weir::proxy
