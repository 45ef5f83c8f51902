// Interned label sets and their values: written by one worker, read by scrapers at any time.
//
// Series are never moved or removed; a new one is published by one release store at the head of a
// list, which is all that readers walk. The hash slots belong to the worker alone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/hash.h"

namespace weir::telemetry {

// A counter with one writer: a plain load and store, which readers never see half done.
class Count {
 public:
  void add(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

template <std::size_t LabelCount, class Values>
class SeriesTable {
 public:
  using Labels = std::array<std::string_view, LabelCount>;
  struct Series {
    std::array<std::string, LabelCount> labels;
    std::uint64_t hash = 0;
    Values values{};
    Series* next = nullptr;
  };

  SeriesTable(std::size_t limit, Count& overflow) : limit_(limit), overflow_(overflow) {}
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  // The writer's thread only; null for labels that are not there.
  Values* find(const Labels& labels) const {
    Series* known = find(labels, hash_of(labels));
    return known == nullptr ? nullptr : &known->values;
  }

  // The writer's thread only. Allocates when the labels are new.
  Values& at(const Labels& labels) {
    if (last_ != nullptr && has(*last_, labels)) return last_->values;
    const std::uint64_t hash = hash_of(labels);
    if (Series* known = find(labels, hash)) {
      last_ = known;
      return known->values;
    }
    if (count_ < limit_) return insert(labels, hash).values;
    overflow_.add();
    Labels other;
    other.fill("other");
    const std::uint64_t other_hash = hash_of(other);
    if (Series* known = find(other, other_hash)) return known->values;
    return insert(other, other_hash).values;
  }

  // Any thread; `visit` takes a const Series&.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Series* series = head_.load(std::memory_order_acquire); series != nullptr;
         series = series->next) {
      visit(*series);
    }
  }

 private:
  static std::uint64_t hash_of(const Labels& labels) {
    std::uint64_t hash = 0;
    for (const std::string_view label : labels) hash = stable_hash(label, hash);
    return hash;
  }

  static bool has(const Series& series, const Labels& labels) {
    return std::equal(labels.begin(), labels.end(), series.labels.begin());
  }

  Series* find(const Labels& labels, std::uint64_t hash) const {
    if (slots_.empty()) return nullptr;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash & mask; slots_[slot]; slot = (slot + 1) & mask) {
      Series& series = *slots_[slot];
      if (series.hash == hash && has(series, labels)) return &series;
    }
    return nullptr;
  }

  Series& insert(const Labels& labels, std::uint64_t hash) {
    if ((count_ + 1) * 2 > slots_.size()) grow();
    auto series = std::make_unique<Series>();
    std::copy(labels.begin(), labels.end(), series->labels.begin());
    series->hash = hash;
    series->next = head_.load(std::memory_order_relaxed);
    head_.store(series.get(), std::memory_order_release);
    ++count_;
    return *place(std::move(series));
  }

  Series* place(std::unique_ptr<Series> series) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = series->hash & mask;
    while (slots_[slot]) slot = (slot + 1) & mask;
    slots_[slot] = std::move(series);
    return slots_[slot].get();
  }

  void grow() {
    auto old = std::move(slots_);
    slots_.clear();
    slots_.resize(old.empty() ? 16 : old.size() * 2);
    for (auto& series : old) {
      if (series) place(std::move(series));
    }
  }

  std::size_t limit_;
  Count& overflow_;
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<Series>> slots_;
  std::atomic<Series*> head_{nullptr};
  Series* last_ = nullptr;  // that at() found: most records have the labels of the one before
};

}  // namespace weir::telemetry
