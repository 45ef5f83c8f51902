#include "weir/net/loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace weir::net {
namespace {

using std::chrono::milliseconds;

// Without its own two descriptors no loop can run and nobody could be told otherwise.
Descriptor required(int number, const char* what) {
  if (number < 0) {
    std::perror(what);
    std::abort();
  }
  return Descriptor{number};
}

epoll_event event_for(Interest interest, Watcher& watcher) {
  epoll_event event{};
  event.data.ptr = &watcher;
  switch (interest) {
    case Interest::level_read: event.events = EPOLLIN; break;
    case Interest::read: event.events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET; break;
    case Interest::read_write:
      event.events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLOUT | EPOLLET;
      break;
    case Interest::nothing: break;
  }
  return event;
}

Readiness readiness_of(std::uint32_t events) {
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  return {.readable = broken || (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP)) != 0,
          .writable = broken || (events & EPOLLOUT) != 0,
          .hung_up = broken || (events & EPOLLRDHUP) != 0,
          .urgent = (events & EPOLLPRI) != 0};
}

}  // namespace

Loop::Loop()
    : scheduler_(std::chrono::steady_clock::now()),
      epoll_(required(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      mailbox_(*this) {}

void Loop::run() {
  while (!stopped_) turn(TimerQueue::horizon());
}

void Loop::stop() {
  mailbox_.post([this] { stopped_ = true; });
}

void Loop::turn(Duration at_most) {
  scheduler_.ready().end_turn();  // what was scheduled before the first turn
  const int count =
      ::epoll_wait(epoll_.number(), events_.data(), static_cast<int>(batch), timeout_ms(at_most));
  scheduler_.advance(std::chrono::steady_clock::now());
  if (count > 0) deliver(static_cast<std::size_t>(count));
  run_deferred();
  scheduler_.ready().end_turn();
}

// Rounded up, because the wheel fires nothing before a whole millisecond is over.
int Loop::timeout_ms(Duration at_most) {
  if (!deferred_.empty()) return 0;
  Duration wait = at_most;
  if (const auto next = scheduler_.timers().next()) {
    wait = std::min(wait, *next - scheduler_.now());
  }
  const auto whole = std::chrono::ceil<milliseconds>(std::max(wait, Duration::zero())).count();
  return static_cast<int>(std::min<std::int64_t>(whole, std::numeric_limits<int>::max()));
}

void Loop::deliver(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    undelivered_ = std::span{events_}.subspan(i + 1, count - i - 1);
    if (events_[i].data.ptr == nullptr) continue;
    static_cast<Watcher*>(events_[i].data.ptr)->on_ready(readiness_of(events_[i].events));
    scheduler_.ready().drain();
  }
  undelivered_ = {};
}

// What is deferred from in here waits for the next turn, which asks for events first.
void Loop::run_deferred() {
  boost::intrusive::list<Wakeable, boost::intrusive::constant_time_size<false>> now;
  now.swap(deferred_);
  while (!now.empty()) {
    Wakeable& first = now.front();
    now.pop_front();
    first.wake();
    scheduler_.ready().drain();
  }
}

bool Loop::watch(int descriptor, Interest interest, Watcher& watcher) {
  epoll_event event = event_for(interest, watcher);
  return ::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Loop::rewatch(int descriptor, Interest interest, Watcher& watcher) {
  epoll_event event = event_for(interest, watcher);
  ::epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, descriptor, &event);
}

void Loop::unwatch(int descriptor, const Watcher& watcher) {
  ::epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, descriptor, nullptr);
  forget(watcher);
}

void Loop::forget(const Watcher& watcher) {
  for (epoll_event& event : undelivered_) {
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

void Loop::defer(Wakeable& wakeable) {
  if (!wakeable.is_linked()) deferred_.push_back(wakeable);
}

Loop::EventMailbox::EventMailbox(Loop& loop)
    : loop_(loop), event_(required(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {
  if (!loop_.watch(event_.number(), Interest::read, *this)) {
    std::perror("epoll_ctl");
    std::abort();
  }
}

void Loop::EventMailbox::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(task));
  if (posted_.size() > 1) return;
  // The watch is edge-triggered: each write wakes, and the counter never needs to be read.
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_.number(), &one, sizeof one);
}

void Loop::EventMailbox::on_ready(Readiness /*readiness*/) {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& task : running_) {
    task();
    loop_.scheduler().ready().drain();
  }
  running_.clear();
}

}  // namespace weir::net
