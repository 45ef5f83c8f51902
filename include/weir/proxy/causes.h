// The causes of an outbound call: the inbound requests that made the application make it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/ready_queue.h"
#include "weir/base/short_text.h"
#include "weir/base/time.h"
#include "weir/proxy/ancestry.h"
#include "weir/resilience/deadline.h"
#include "weir/telemetry/cause_source.h"

namespace weir::proxy {

class Causes;
class Correlator;
struct CauseEntry;

using ShortText = weir::ShortText<15>;

// What crosses the application with a call.
struct Cause {
  resilience::Deadline deadline = resilience::Deadline::none();
  bool marked_as_retry = false;
  // Until then a failover is ours; afterwards the caller may have made one, and there shall be no
  // other.
  resilience::Deadline failover_until = resilience::Deadline::none();
  ShortText criticality{};
  std::string_view caller{};  // a verified identity; lives as long as the inbound request
};

// Somebody who can be woken on his worker by another. Guarded by the worker's bell.
struct Rung {
  Wakeable& woken;
  Rung* next = nullptr;
};

// A call's place in an entry's list. Guarded by the entry's lock, but for `entry` and `sequence`.
struct CauseWatch {
  CauseWatch* next = nullptr;
  CauseWatch* previous = nullptr;
  CauseEntry* entry = nullptr;
  Causes* owner = nullptr;
  std::uint64_t sequence = 0;
  bool linked = false;
};

// What an outbound call knows of the requests that may have caused it: the candidates. More than
// one only where a weaker key is shared; more than `most` of them identify nobody.
class Causes {
 public:
  static constexpr std::size_t most = 8;

  // `woken` is scheduled on this worker when gone() has become true.
  Causes(Correlator& correlator, Wakeable& woken) : correlator_(correlator), rung_{woken} {}
  ~Causes() { release(); }
  Causes(const Causes&) = delete;
  Causes& operator=(const Causes&) = delete;

  // Before find(): caller() is wanted, which costs a copy.
  void ask_for_caller() { wants_caller_ = true; }
  // Once.
  void find(const Ancestry& ancestry, Instant now);
  // Those that live.
  std::size_t candidates() const { return count_; }
  // `none`: nothing is known, and the call is on its own.
  telemetry::CauseSource source() const { return source_; }
  // The latest of the candidates', those that have gone included; none() without one.
  resilience::Deadline deadline() const { return deadline_; }
  // Any candidate was: two calls to a leaf at most is a promise, a failover is not.
  bool marked_as_retry() const { return marked_as_retry_; }
  // A candidate has been answered with an error meanwhile, and who sent it may be trying elsewhere.
  bool superseded() const { return superseded_.load(std::memory_order_acquire); }
  // The earliest of the candidates'.
  resilience::Deadline failover_until() const { return failover_until_; }
  std::string_view criticality() const { return criticality_.view(); }
  // The live candidates'; empty when they do not agree.
  std::string_view caller() const { return caller_; }
  // Every candidate's caller has gone; false for ever when one of them has completed.
  bool gone() const { return remaining_.load(std::memory_order_acquire) == 0; }

  // Tells the candidates that the failover has been spent.
  void spend();
  // Tells them that this call has failed: if theirs fails as well, it is not the application's
  // fault.
  void fail();
  // The version that an earlier call of the same cause was given by `route`; if there was none,
  // `version` from now on, unless it is too long to be kept.
  ShortText agree(std::string_view route, std::string_view version);
  void release();

 private:
  friend class Correlator;
  friend class InboundRequest;
  enum class Found : std::uint8_t { nobody, known };
  Found find_exact(const CauseId& id);
  Found find_by_key(std::uint64_t key, telemetry::CauseSource source, Instant now);
  void watch(CauseEntry& entry);
  void inherit(const Cause& cause);
  void lose();
  void supersede();
  void forget();

  Correlator& correlator_;
  Rung rung_;
  std::array<CauseWatch, most> watches_;
  std::uint8_t count_ = 0;
  telemetry::CauseSource source_ = telemetry::CauseSource::none;
  bool marked_as_retry_ = false;
  bool wants_caller_ = false;
  bool inherits_ = false;
  std::atomic<bool> superseded_{false};
  ShortText criticality_;
  std::string caller_;
  resilience::Deadline deadline_ = resilience::Deadline::none();
  resilience::Deadline failover_until_ = resilience::Deadline::none();
  std::atomic<std::uint32_t> remaining_{1};  // candidates that have not gone
};

}  // namespace weir::proxy
