#include "correlator.h"

#include <bit>
#include <utility>

namespace weir::proxy {
namespace {

constexpr std::uint32_t chunk_of(std::uint32_t index, std::uint32_t first) {
  return static_cast<std::uint32_t>(std::bit_width(index / first + 1)) - 1;
}
constexpr std::uint32_t begin_of(std::uint32_t chunk, std::uint32_t first) {
  return first * ((1U << chunk) - 1);
}

}  // namespace

void CauseEntry::add(CauseWatch& watch) {
  watch.previous = nullptr;
  watch.next = std::exchange(watches, &watch);
  if (watch.next != nullptr) watch.next->previous = &watch;
  watch.linked = true;
}

void CauseEntry::remove(CauseWatch& watch) {
  if (!std::exchange(watch.linked, false)) return;
  (watch.previous == nullptr ? watches : watch.previous->next) = watch.next;
  if (watch.next != nullptr) watch.next->previous = watch.previous;
}

Correlator::~Correlator() {
  for (const auto& chunk : chunks_) delete[] chunk.load();
}

bool Correlator::grow() {
  const std::uint32_t chunk = chunk_of(slots_, first_chunk);
  if (chunk == chunks) return false;
  const std::uint32_t size = first_chunk << chunk;
  auto* entries = new CauseEntry[size];
  for (std::uint32_t at = size; at-- > 0;) {
    CauseEntry& entry = entries[at];
    entry.home = this;
    entry.place = number_ << index_bits | (slots_ + at);
    for (KeyLink& link : entry.links) link.entry = &entry;
    entry.next = std::exchange(free_, &entry);
  }
  chunks_[chunk].store(entries, std::memory_order_release);
  slots_ += size;
  return true;
}

CauseEntry* Correlator::at(std::uint32_t index) const {
  const std::uint32_t chunk = chunk_of(index, first_chunk);
  if (chunk >= chunks) return nullptr;
  CauseEntry* entries = chunks_[chunk].load(std::memory_order_acquire);
  return entries == nullptr ? nullptr : entries + (index - begin_of(chunk, first_chunk));
}

CauseEntry* Correlator::take() {
  if (free_ == nullptr && !grow()) return nullptr;
  CauseEntry* entry = std::exchange(free_, free_->next);
  const std::lock_guard lock{entry->mutex};
  entry->state = CauseEntry::State::live;
  entry->spent = false;
  entry->failed_below = false;
  entry->decided = 0;
  entry->sequence = ++sequence_;
  return entry;
}

void Correlator::give_back(CauseEntry& entry) { entry.next = std::exchange(free_, &entry); }

void Correlator::remember(CauseEntry& entry) {
  entry.next = nullptr;
  (oldest_gone_ == nullptr ? oldest_gone_ : newest_gone_->next) = &entry;
  newest_gone_ = &entry;
  if (++gone_count_ <= gone_kept) return;
  --gone_count_;
  CauseEntry& oldest = *std::exchange(oldest_gone_, oldest_gone_->next);
  for (KeyLink& link : oldest.links) {
    table_.index().remove(link, KeyIndex::Leaving::forgotten);
  }
  {
    const std::lock_guard lock{oldest.mutex};
    oldest.state = CauseEntry::State::free;
  }
  give_back(oldest);
}

// One task for all that are rung before it runs; it holds nothing but this, which outlives it.
void Correlator::ring(Rung& rung) {
  const std::lock_guard lock{bell_};
  const bool first = rung_ == nullptr;
  rung.next = std::exchange(rung_, &rung);
  if (first) mailbox_.post([this] { answer_bell(); });
}

void Correlator::silence(Rung& rung) {
  const std::lock_guard lock{bell_};
  for (Rung** place = &rung_; *place != nullptr; place = &(*place)->next) {
    if (*place != &rung) continue;
    *place = rung.next;
    return;
  }
}

void Correlator::answer_bell() {
  const std::lock_guard lock{bell_};
  while (rung_ != nullptr) ready_.schedule(std::exchange(rung_, rung_->next)->woken);
}

}  // namespace weir::proxy
