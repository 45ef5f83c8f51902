#include "weir/proxy/correlation.h"

#include <utility>

#include "correlator.h"

namespace weir::proxy {

Correlation::Correlation(HashKey key) : key_(key), index_(std::make_unique<KeyIndex>()) {}

Correlation::~Correlation() {
  for (const auto& worker : workers_) delete worker.load();
}

Correlator& Correlation::join(Mailbox& mailbox, ReadyQueue& ready) {
  const std::lock_guard lock{joining_};
  auto* correlator = new Correlator{*this, joined_, mailbox, ready};
  workers_.at(joined_++).store(correlator, std::memory_order_release);
  return *correlator;
}

std::uint64_t Correlation::tag_of(std::uint32_t place, std::uint64_t sequence) const {
  return keyed_hash(key_, place, sequence);
}

CauseEntry* Correlation::entry_of(const CauseId& id) const {
  if (id.tag != tag_of(id.place, id.sequence)) return nullptr;
  const Correlator* worker =
      workers_[id.place >> Correlator::index_bits].load(std::memory_order_acquire);
  constexpr std::uint32_t index = (1U << Correlator::index_bits) - 1;
  return worker == nullptr ? nullptr : worker->at(id.place & index);
}

std::array<std::uint64_t, CauseEntry::keys> keys_of(const HashKey& key, const Ancestry& ancestry) {
  // What a key is hashed with says of which kind it is.
  enum Kind : std::uint64_t { span_kind = 1, request_kind, trace_kind };
  const auto of_kind = [&key](Kind kind) { return HashKey{key.first ^ kind, key.second}; };
  std::array<std::uint64_t, CauseEntry::keys> found{};
  if (!ancestry.trace.empty()) {
    const auto trace = keyed_hash(of_kind(trace_kind), ancestry.trace.high, ancestry.trace.low);
    found[2] = trace;
    if (!ancestry.span.empty()) {
      found[0] = keyed_hash(of_kind(span_kind), trace, ancestry.span.value);
    }
  }
  if (!ancestry.request_id.empty()) {
    found[1] = keyed_hash(of_kind(request_kind), ancestry.request_id);
  }
  return found;
}

InboundRequest::~InboundRequest() { leave(End::completed, {}); }

void InboundRequest::enter(Correlator& correlator, const Ancestry& ancestry, const Cause& cause) {
  entry_ = correlator.take();
  if (entry_ == nullptr) return;
  correlator_ = &correlator;
  Correlation& table = correlator.table();
  {
    const std::lock_guard lock{entry_->mutex};
    entry_->cause = cause;
    entry_->inbound = &rung_;
  }
  const auto keys = keys_of(table.key_, ancestry);
  for (std::size_t kind = 0; kind < keys.size(); ++kind) {
    if (keys[kind] != 0) table.index().insert(entry_->links[kind], keys[kind]);
  }
}

CauseId InboundRequest::id() const {
  const std::uint64_t sequence = entry_->sequence;
  return {entry_->place, sequence, correlator_->table().tag_of(entry_->place, sequence)};
}

bool InboundRequest::failover_spent() const {
  if (entry_ == nullptr) return false;
  const std::lock_guard lock{entry_->mutex};
  return entry_->spent;
}

bool InboundRequest::failed_below() const {
  if (entry_ == nullptr) return false;
  const std::lock_guard lock{entry_->mutex};
  return entry_->failed_below;
}

void InboundRequest::set_deadline(resilience::Deadline deadline) {
  if (entry_ == nullptr) return;
  const std::lock_guard lock{entry_->mutex};
  entry_->cause.deadline = deadline;
}

void InboundRequest::leave(End end, Instant now) {
  if (entry_ == nullptr) return;
  CauseEntry& entry = *std::exchange(entry_, nullptr);
  bool rung = false;
  if (end != End::gone) {
    for (KeyLink& link : entry.links) {
      correlator_->table().index().remove(link, KeyIndex::Leaving::completed);
    }
  }
  {
    const std::lock_guard lock{entry.mutex};
    entry.state = end == End::gone ? CauseEntry::State::gone : CauseEntry::State::free;
    entry.gone_at = now;
    entry.cause.caller = {};
    rung = entry.spent;
    // From here on nobody looks at a watch again but its owner, who locks this entry first.
    while (CauseWatch* watch = entry.watches) {
      entry.remove(*watch);
      if (end == End::gone) watch->owner->lose();
      if (end == End::failed) watch->owner->supersede();
    }
  }
  if (rung) correlator_->silence(rung_);
  if (end == End::gone) {
    correlator_->remember(entry);
  } else {
    correlator_->give_back(entry);
  }
}

}  // namespace weir::proxy
