#include "weir/cluster/bulkhead.h"

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <mutex>
#include <utility>

namespace weir::cluster {

namespace intrusive = boost::intrusive;

// A waiter's place, which outlives the waiter while a wake is on its way to its worker.
struct Waiter::Entry : intrusive::list_base_hook<>, std::enable_shared_from_this<Entry> {
  Entry(Mailbox& worker_mailbox, ReadyQueue& worker_ready, Wakeable& woken)
      : mailbox(worker_mailbox), ready(worker_ready), wakeable(woken) {}

  Mailbox& mailbox;
  ReadyQueue& ready;
  Wakeable& wakeable;
  bool owned = true;                      // the waiter lives; read and written by its worker only
  std::atomic<State> state{State::idle};  // changed under the bulkhead's lock
  Instant latest_start{};
  std::shared_ptr<Bulkhead> bulkhead;  // while waiting or granted
};

struct Bulkhead::State {
  using Entry = Waiter::Entry;
  std::atomic<std::uint32_t> limit{1};
  static constexpr std::uint32_t unrestricted = ~0U;
  std::atomic<std::uint32_t> ceiling{unrestricted};
  std::atomic<std::uint32_t> in_use{0};
  // Newcomers see it without the lock and do not overtake.
  std::atomic<std::uint32_t> waiting{0};

  std::mutex mutex;
  std::uint32_t places = 0;
  intrusive::list<Entry> queue;
  Instant last_seen = Instant::min();  // the latest `now` that anybody has told

  bool take_permit();
  void settle(Entry& entry, Waiter::State state);
  void drop_late();
  void grant();
};

bool Bulkhead::State::take_permit() {
  std::uint32_t used = in_use.load();
  while (used <
         std::min(limit.load(std::memory_order_relaxed), ceiling.load(std::memory_order_relaxed))) {
    if (in_use.compare_exchange_weak(used, used + 1)) return true;
  }
  return false;
}

// Takes an entry out of the queue and wakes its waiter. The mailbox is alive: its waiter leaves
// the queue, under this lock, before its worker ends.
void Bulkhead::State::settle(Entry& entry, Waiter::State state) {
  queue.erase(queue.iterator_to(entry));
  --waiting;
  entry.state.store(state, std::memory_order_release);
  entry.mailbox.post([entry = entry.shared_from_this()] {
    if (entry->owned) entry->ready.schedule(entry->wakeable);
  });
}

void Bulkhead::State::drop_late() {
  for (auto next = queue.begin(); next != queue.end();) {
    Entry& entry = *next++;
    if (entry.latest_start < last_seen) settle(entry, Waiter::State::dropped);
  }
}

void Bulkhead::State::grant() {
  while (!queue.empty()) {
    Entry& first = queue.front();
    if (first.latest_start < last_seen) {
      settle(first, Waiter::State::dropped);
    } else if (take_permit()) {
      settle(first, Waiter::State::granted);
    } else {
      return;
    }
  }
}

Bulkhead::Bulkhead() : state_(std::make_unique<State>()) {}
Bulkhead::~Bulkhead() = default;

std::shared_ptr<Bulkhead> Bulkhead::make(const policy::Bulkhead& policy) {
  std::shared_ptr<Bulkhead> bulkhead{new Bulkhead};
  bulkhead->apply(policy);
  return bulkhead;
}

void Bulkhead::apply(const policy::Bulkhead& policy) {
  const std::lock_guard lock{state_->mutex};
  state_->limit = policy.concurrent;
  state_->places = policy.queue;
  state_->grant();
}

Permit Bulkhead::try_enter() {
  if (state_->waiting.load() > 0 || !state_->take_permit()) return {};
  return Permit{shared_from_this()};
}

bool Bulkhead::enqueue(Waiter& waiter, Instant latest_start, Instant now) {
  const std::lock_guard lock{state_->mutex};
  state_->last_seen = std::max(state_->last_seen, now);
  if (state_->queue.size() >= state_->places) state_->drop_late();
  if (state_->queue.size() >= state_->places) return false;
  Waiter::Entry& entry = waiter.enter();
  entry.latest_start = latest_start;
  entry.bulkhead = shared_from_this();
  entry.state.store(Waiter::State::waiting, std::memory_order_release);
  state_->queue.push_back(entry);
  // Whoever gives a permit back first frees it and then looks for waiters; we announce ourselves
  // and then look for a free one. One of the two sees the other.
  ++state_->waiting;
  state_->grant();
  return true;
}

void Bulkhead::give_back() {
  --state_->in_use;
  if (state_->waiting.load() == 0) return;
  const std::lock_guard lock{state_->mutex};
  state_->grant();
}

// Only once: places that become free meanwhile may be taken.
void Bulkhead::restrict_to_current() {
  std::uint32_t expected = State::unrestricted;
  state_->ceiling.compare_exchange_strong(expected, std::max(state_->in_use.load(), 1U));
}

void Bulkhead::lift() {
  const std::lock_guard lock{state_->mutex};
  state_->ceiling = State::unrestricted;
  state_->grant();
}

std::uint32_t Bulkhead::in_use() const { return state_->in_use.load(); }
std::uint32_t Bulkhead::waiting() const { return state_->waiting.load(); }

Permit::Permit(std::shared_ptr<Bulkhead> bulkhead) : bulkhead_(std::move(bulkhead)) {}
Permit::Permit(Permit&& other) noexcept = default;

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  if (bulkhead_) bulkhead_->give_back();
  bulkhead_ = std::move(other.bulkhead_);
  return *this;
}

Permit::~Permit() {
  if (bulkhead_) bulkhead_->give_back();
}

Waiter::Waiter(Mailbox& mailbox, ReadyQueue& ready, Wakeable& wakeable)
    : mailbox_(mailbox), ready_(ready), wakeable_(wakeable) {}

Waiter::~Waiter() { leave(); }

Waiter::Entry& Waiter::enter() {
  // A wake for an earlier wait may still be on its way; it must not be taken for this one's.
  if (entry_) entry_->owned = false;
  entry_ = std::make_shared<Entry>(mailbox_, ready_, wakeable_);
  return *entry_;
}

Waiter::State Waiter::state() const {
  return entry_ ? entry_->state.load(std::memory_order_acquire) : State::idle;
}

Permit Waiter::take() {
  if (state() != State::granted) return {};
  entry_->state.store(State::idle, std::memory_order_relaxed);
  return Permit{std::move(entry_->bulkhead)};
}

void Waiter::leave() {
  if (!entry_) return;
  entry_->owned = false;
  if (const auto bulkhead = entry_->bulkhead) {
    Bulkhead::State& shared = *bulkhead->state_;
    const std::lock_guard lock{shared.mutex};
    if (entry_->is_linked()) {
      shared.queue.erase(shared.queue.iterator_to(*entry_));
      --shared.waiting;
      entry_->state.store(State::idle, std::memory_order_relaxed);
    }
  }
  // What was granted and not taken goes on to the next.
  take();
  entry_.reset();
}

}  // namespace weir::cluster
