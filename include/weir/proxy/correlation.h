// How an outbound call finds the inbound requests that caused it, across the application.
//
// Each inbound request that is handed to the application is an entry with an unforgeable id, which
// travels in tracestate, and under up to three weaker keys that applications copy: span id,
// x-request-id, trace id. A call is looked up by them in this order; the first that is known
// decides. Entries live as long as their request; of those whose caller has gone each worker
// remembers its last few. Entries stand in slots that are locked one by one, keys in shards: no
// lock is shared by all. Nothing allocates when warm. docs/correlation.md argues the rules.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "weir/base/keyed_hash.h"
#include "weir/base/mailbox.h"
#include "weir/base/ready_queue.h"
#include "weir/base/time.h"
#include "weir/proxy/ancestry.h"
#include "weir/proxy/causes.h"

namespace weir::proxy {

class KeyIndex;
struct CauseEntry;

// The process's table: makes one Correlator per worker and outlives them all.
class Correlation {
 public:
  // `key` makes ids unforgeable; a fixed one is for tests.
  explicit Correlation(HashKey key = random_hash_key());
  ~Correlation();
  Correlation(const Correlation&) = delete;
  Correlation& operator=(const Correlation&) = delete;

  static constexpr std::size_t most_workers = 256;
  // Thread-safe; once per worker. `mailbox` and `ready` are the worker's; both outlive what it
  // enters and finds.
  Correlator& join(Mailbox& mailbox, ReadyQueue& ready);

 private:
  friend class Correlator;
  friend class InboundRequest;
  friend class Causes;
  CauseEntry* entry_of(const CauseId& id) const;  // null: not one of ours
  std::uint64_t tag_of(std::uint32_t place, std::uint64_t sequence) const;
  KeyIndex& index() { return *index_; }

  const HashKey key_;
  std::unique_ptr<KeyIndex> index_;
  std::mutex joining_;
  std::uint32_t joined_ = 0;  // guarded by it
  std::array<std::atomic<Correlator*>, most_workers> workers_{};
};

// One inbound request's entry. Used on its worker's thread only, as is the Correlator.
class InboundRequest {
 public:
  enum class End : std::uint8_t {
    completed,  // answered: caps nothing and cancels nothing from now on
    failed,     // the same with an error, which may be retried: so those that go on are not
    gone        // nobody waits any more: what it caused is in vain
  };

  // `woken` is scheduled when failover_spent() has become true.
  explicit InboundRequest(Wakeable& woken) : rung_{woken} {}
  ~InboundRequest();
  InboundRequest(const InboundRequest&) = delete;
  InboundRequest& operator=(const InboundRequest&) = delete;

  // Once. `ancestry` as the application will see it. Without a free slot the request is not found.
  void enter(Correlator& correlator, const Ancestry& ancestry, const Cause& cause);
  bool entered() const { return entry_ != nullptr; }
  // To be told to the application; only when entered.
  CauseId id() const;
  // A call that it caused has spent the one failover.
  bool failover_spent() const;
  // A call that it caused has failed.
  bool failed_below() const;
  // Calls that are found from now on have until then.
  void set_deadline(resilience::Deadline deadline);
  void leave(End end, Instant now);

 private:
  Correlator* correlator_ = nullptr;
  CauseEntry* entry_ = nullptr;
  Rung rung_;
};

}  // namespace weir::proxy
