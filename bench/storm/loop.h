// The event loop of a service of bench/storm: edge-triggered epoll and timers, one thread.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "text.h"

namespace weir::storm {

using Clock = std::chrono::steady_clock;

// A nonblocking socket and what has not been written to it yet. The loop owns the descriptor.
struct Stream {
  int descriptor = -1;
  std::string in;
  std::string unsent;
};

enum class End { open, closed };

// Reads what there is; `closed` when the peer has closed or the connection has failed.
inline End read_all(Stream& stream) {
  std::array<char, 16384> bytes;
  while (true) {
    const ssize_t got = recv(stream.descriptor, bytes.data(), bytes.size(), 0);
    if (got > 0) {
      stream.in.append(bytes.data(), static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      return got < 0 && errno == EAGAIN ? End::open : End::closed;
    }
  }
}

// Writes what the socket takes. An error shows itself when the stream is read.
inline void flush(Stream& stream) {
  while (!stream.unsent.empty()) {
    const ssize_t sent =
        send(stream.descriptor, stream.unsent.data(), stream.unsent.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    stream.unsent.erase(0, static_cast<std::size_t>(sent));
  }
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Loop {
 public:
  using Timers = std::multimap<Clock::time_point, std::function<void()>>;
  using Timer = Timers::iterator;

  Loop() : epoll_(epoll_create1(0)) {
    if (epoll_ < 0) fail("epoll_create1");
  }

  // Calls `on_event` whenever something can be read or written, until the descriptor is closed.
  void watch(int descriptor, std::function<void()> on_event) {
    Watched& watched = watched_[descriptor];
    const bool added = watched.on_event == nullptr;
    watched.on_event = std::make_shared<std::function<void()>>(std::move(on_event));
    if (!added) return;
    watched.generation = ++generation_;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = key(descriptor, watched.generation);
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
  }

  void close(int descriptor) {
    watched_.erase(descriptor);
    ::close(descriptor);
  }

  Timer at(Clock::time_point due, std::function<void()> action) {
    return timers_.emplace(due, std::move(action));
  }

  void cancel(Timer timer) { timers_.erase(timer); }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int ready = epoll_wait(epoll_, events.data(), events.size(), wait_ms());
      for (int index = 0; index < ready; ++index) {
        dispatch(events[static_cast<std::size_t>(index)].data.u64);
      }
      while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
        const auto action = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        action();
      }
    }
  }

 private:
  struct Watched {
    std::uint32_t generation = 0;
    std::shared_ptr<std::function<void()>> on_event;  // may close its own descriptor
  };

  // An event of a descriptor that was closed and given out again meanwhile must not be believed.
  static std::uint64_t key(int descriptor, std::uint32_t generation) {
    return std::uint64_t{generation} << 32U | static_cast<std::uint32_t>(descriptor);
  }

  void dispatch(std::uint64_t which) {
    const auto found = watched_.find(static_cast<int>(which & 0xffffffffU));
    if (found == watched_.end() || found->second.generation != which >> 32U) return;
    const auto on_event = found->second.on_event;
    (*on_event)();
  }

  int wait_ms() const {
    if (timers_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  int epoll_;
  std::uint32_t generation_ = 0;
  std::unordered_map<int, Watched> watched_;
  Timers timers_;
};

}  // namespace weir::storm
