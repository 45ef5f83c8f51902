// One worker's part of the correlation: the slots of its inbound requests, and the bell that other
// workers ring when what caused one of its calls has gone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "correlation_index.h"
#include "weir/proxy/correlation.h"

namespace weir::proxy {

// A slot and its tenant. Slots are never freed while the table lives, so that a stale pointer is
// answered by another sequence and never by another type.
struct CauseEntry {
  enum class State : std::uint8_t { free, live, gone };
  struct Decision {
    std::uint64_t route = 0;
    ShortText version;
  };
  static constexpr std::size_t keys = 3;
  static constexpr std::size_t decisions_kept = 3;

  std::mutex mutex;
  // Guarded by the mutex:
  State state = State::free;
  bool spent = false;
  bool failed_below = false;
  std::uint8_t decided = 0;
  std::uint64_t sequence = 0;
  Instant gone_at{};
  Cause cause;
  CauseWatch* watches = nullptr;
  Rung* inbound = nullptr;  // while live
  std::array<Decision, decisions_kept> decisions;

  // Guarded by their shards:
  std::array<KeyLink, keys> links;

  // Set once:
  Correlator* home = nullptr;
  // The owning worker's alone:
  std::uint32_t place = 0;
  CauseEntry* next = nullptr;

  bool is_live(std::uint64_t tenant) const { return state == State::live && sequence == tenant; }
  void add(CauseWatch& watch);
  void remove(CauseWatch& watch);
};

class Correlator {
 public:
  Correlator(Correlation& table, std::uint32_t number, Mailbox& mailbox, ReadyQueue& ready)
      : table_(table), number_(number), mailbox_(mailbox), ready_(ready) {}
  ~Correlator();
  Correlator(const Correlator&) = delete;
  Correlator& operator=(const Correlator&) = delete;

  Correlation& table() { return table_; }

  // On the worker's thread. A free slot with a new sequence; null when there is none.
  CauseEntry* take();
  void give_back(CauseEntry& entry);
  // Keeps an entry that has gone, and forgets the oldest when there are too many.
  void remember(CauseEntry& entry);

  // On any thread; null where no slot has been made.
  CauseEntry* at(std::uint32_t index) const;
  // On any thread, while the entry is locked whose end or news it is: that keeps `rung` alive.
  void ring(Rung& rung);
  // On the worker's thread.
  void silence(Rung& rung);

  static constexpr std::uint32_t index_bits = 24;
  static constexpr std::size_t gone_kept = 512;

 private:
  // Chunk n holds 64 << n slots.
  static constexpr std::uint32_t first_chunk = 64;
  static constexpr std::size_t chunks = 16;
  bool grow();
  void answer_bell();

  Correlation& table_;
  std::uint32_t number_;
  Mailbox& mailbox_;
  ReadyQueue& ready_;
  std::array<std::atomic<CauseEntry*>, chunks> chunks_{};
  std::uint32_t slots_ = 0;
  std::uint64_t sequence_ = 0;
  CauseEntry* free_ = nullptr;
  CauseEntry* oldest_gone_ = nullptr;
  CauseEntry* newest_gone_ = nullptr;
  std::size_t gone_count_ = 0;

  std::mutex bell_;
  Rung* rung_ = nullptr;  // guarded by the bell
};

// What a weaker key is looked up by; 0 where the ancestry has none.
std::array<std::uint64_t, CauseEntry::keys> keys_of(const HashKey& key, const Ancestry& ancestry);

}  // namespace weir::proxy
