// The outbound side of the correlation: finding, watching and telling the causes of a call.

#include "weir/proxy/causes.h"

#include <algorithm>
#include <utility>

#include "correlator.h"

namespace weir::proxy {
namespace {

using telemetry::CauseSource;

// An application that has not noticed yet that its caller has gone will have by then; ids that are
// used again later, as some test tools do, are not held responsible.
constexpr Duration gone_memory = std::chrono::seconds{30};

// Of a group. Beyond that it identifies nobody.
constexpr std::size_t most_looked_at = 16;

}  // namespace

void Causes::find(const Ancestry& ancestry, Instant now) {
  if (ancestry.id && find_exact(*ancestry.id) == Found::known) return;
  constexpr std::array sources{CauseSource::span, CauseSource::request_id, CauseSource::trace};
  const auto keys = keys_of(correlator_.table().key_, ancestry);
  for (std::size_t kind = 0; kind < keys.size(); ++kind) {
    if (keys[kind] == 0) continue;
    if (find_by_key(keys[kind], sources[kind], now) == Found::known) return;
  }
}

// An id of ours whose request has ended is known, too: weaker keys must not find it others.
Causes::Found Causes::find_exact(const CauseId& id) {
  CauseEntry* entry = correlator_.table().entry_of(id);
  if (entry == nullptr) return Found::nobody;
  source_ = CauseSource::exact;
  const std::lock_guard lock{entry->mutex};
  if (entry->sequence != id.sequence || entry->state == CauseEntry::State::free) {
    return Found::known;
  }
  inherit(entry->cause);
  if (entry->state == CauseEntry::State::live) watch(*entry);
  remaining_.fetch_sub(1, std::memory_order_acq_rel);
  return Found::known;
}

// Until the group has been seen, one more than the candidates remain, so that nobody who goes
// meanwhile is taken for the last.
Causes::Found Causes::find_by_key(std::uint64_t key, CauseSource source, Instant now) {
  std::size_t looked_at = 0;
  std::size_t gone = 0;
  const bool incomplete = correlator_.table().index().visit(key, [&](const KeyLink& link) {
    if (++looked_at > most_looked_at) return false;
    CauseEntry& entry = *link.entry;
    const std::lock_guard lock{entry.mutex};
    if (entry.state == CauseEntry::State::gone && now - entry.gone_at <= gone_memory) {
      ++gone;
      inherit(entry.cause);
    }
    if (entry.state != CauseEntry::State::live) return true;
    if (count_ == most) {
      looked_at = most_looked_at + 1;
      return false;
    }
    inherit(entry.cause);
    watch(entry);
    return true;
  });
  if (looked_at > most_looked_at) {
    forget();
    return Found::nobody;
  }
  if (count_ + gone == 0) return Found::nobody;
  // It may be a call of the one that has completed, and then nobody's time limits it.
  if (incomplete && count_ == 0) deadline_ = resilience::Deadline::none();
  source_ = source;
  if (!incomplete) remaining_.fetch_sub(1, std::memory_order_acq_rel);
  return Found::known;
}

// The entry is locked and live.
void Causes::watch(CauseEntry& entry) {
  CauseWatch& watch = watches_[count_++];
  watch.owner = this;
  watch.entry = &entry;
  watch.sequence = entry.sequence;
  entry.add(watch);
  remaining_.fetch_add(1, std::memory_order_relaxed);
  if (!wants_caller_) return;
  const std::string_view caller = entry.cause.caller;
  if (count_ == 1) caller_ = caller;
  if (caller_ != caller) caller_.clear();
}

// Also from those that have gone: what is still called for them is not worth more than they were.
void Causes::inherit(const Cause& cause) {
  deadline_ = inherits_ ? std::max(deadline_, cause.deadline) : cause.deadline;
  inherits_ = true;
  failover_until_ = failover_until_.earlier(cause.failover_until);
  marked_as_retry_ = marked_as_retry_ || cause.marked_as_retry;
  if (criticality_.empty()) criticality_ = cause.criticality;
}

// A candidate has gone; called under its entry's lock, on any thread.
void Causes::lose() {
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) correlator_.ring(rung_);
}

// A candidate was answered with an error; as above.
void Causes::supersede() { superseded_.store(true, std::memory_order_release); }

void Causes::spend() {
  for (std::size_t index = 0; index < count_; ++index) {
    CauseEntry& entry = *watches_[index].entry;
    const std::lock_guard lock{entry.mutex};
    if (!entry.is_live(watches_[index].sequence) || std::exchange(entry.spent, true)) continue;
    entry.home->ring(*entry.inbound);
  }
}

void Causes::fail() {
  for (std::size_t index = 0; index < count_; ++index) {
    CauseEntry& entry = *watches_[index].entry;
    const std::lock_guard lock{entry.mutex};
    if (entry.is_live(watches_[index].sequence)) entry.failed_below = true;
  }
}

ShortText Causes::agree(std::string_view route, std::string_view version) {
  const std::uint64_t hash = keyed_hash(correlator_.table().key_, route);
  for (std::size_t index = 0; index < count_; ++index) {
    CauseEntry& entry = *watches_[index].entry;
    const std::lock_guard lock{entry.mutex};
    if (!entry.is_live(watches_[index].sequence)) continue;
    const auto* end = entry.decisions.begin() + entry.decided;
    const auto* found =
        std::find_if(entry.decisions.cbegin(), end,
                     [hash](const CauseEntry::Decision& made) { return made.route == hash; });
    if (found != end) return found->version;
    if (entry.decided == CauseEntry::decisions_kept || !ShortText::fits(version)) continue;
    entry.decisions[entry.decided++] = {hash, ShortText{version}};
  }
  return ShortText{version};
}

void Causes::forget() {
  for (std::size_t index = 0; index < count_; ++index) {
    CauseWatch& watch = watches_[index];
    const std::lock_guard lock{watch.entry->mutex};
    watch.entry->remove(watch);
  }
  count_ = 0;
  // Those that have gone meanwhile have counted themselves out; nobody counts any more.
  if (gone()) correlator_.silence(rung_);
  remaining_.store(1, std::memory_order_release);
  deadline_ = failover_until_ = resilience::Deadline::none();
  marked_as_retry_ = inherits_ = false;
  superseded_.store(false, std::memory_order_release);
  criticality_ = {};
  caller_.clear();
}

void Causes::release() {
  forget();
  source_ = CauseSource::none;
}

}  // namespace weir::proxy
