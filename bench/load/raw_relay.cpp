// The physical limit for a proxy: a TCP relay that reads here and writes there, and nothing else.
//
//   weir_raw_relay LISTEN_PORT UPSTREAM_PORT
//
// One thread, one epoll instance, one upstream connection for each downstream one, edge-triggered
// and registered once, so that a request costs two wake-ups, two reads and two writes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "arguments.h"

namespace {

using weir::bench::fail;

// One direction's end: bytes from `peer` that this socket has not taken yet.
struct End {
  int peer = -1;
  bool connecting = false;
  std::string unsent;
};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Relay {
 public:
  Relay(int listen_port, int upstream_port) : upstream_(loopback(upstream_port)), ends_(65536) {
    epoll_ = epoll_create1(0);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(listen_port);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      fail("bind");
    }
    if (listen(listener_, 4096) != 0) fail("listen");
    watch(listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int ready = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int index = 0; index < ready; ++index) {
        const int descriptor = events[static_cast<std::size_t>(index)].data.fd;
        if (descriptor == listener_) {
          accept_all();
        } else {
          serve(descriptor, events[static_cast<std::size_t>(index)].events);
        }
      }
    }
  }

 private:
  End& end(int descriptor) { return ends_[static_cast<std::size_t>(descriptor)]; }

  void watch(int descriptor, std::uint32_t what) const {
    epoll_event event{};
    event.events = what;
    event.data.fd = descriptor;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
  }

  void accept_all() {
    while (true) {
      const int near = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (near < 0) return;
      const int far = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      const int on = 1;
      setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connect(far, reinterpret_cast<const sockaddr*>(&upstream_), sizeof upstream_);
      end(near) = End{.peer = far, .connecting = false, .unsent = {}};
      end(far) = End{.peer = near, .connecting = true, .unsent = {}};
      watch(near, EPOLLIN | EPOLLOUT | EPOLLET);
      watch(far, EPOLLIN | EPOLLOUT | EPOLLET);
    }
  }

  void serve(int descriptor, std::uint32_t what) {
    if (end(descriptor).peer < 0) return;  // closed earlier in this turn
    if ((what & EPOLLOUT) != 0) {
      end(descriptor).connecting = false;
      if (!end(descriptor).unsent.empty()) {
        flush(descriptor);
        // What came while the socket was full raised its edge already, so ask again.
        if (end(descriptor).unsent.empty()) move(end(descriptor).peer);
      }
    }
    if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) move(descriptor);
  }

  // Reads until the socket has no more, writing to its peer; stops while the peer is full.
  void move(int from) {
    while (end(from).peer >= 0 && end(end(from).peer).unsent.empty()) {
      const ssize_t got = read(from, buffer_.data(), buffer_.size());
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return close_both(from);
      const int to = end(from).peer;
      const auto size = static_cast<std::size_t>(got);
      const ssize_t sent = end(to).connecting ? 0 : send(to, buffer_.data(), size, MSG_NOSIGNAL);
      const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
      if (done < size) end(to).unsent.assign(buffer_.data() + done, size - done);
      if (size < buffer_.size()) return;  // a short read has emptied the socket
    }
  }

  void flush(int descriptor) {
    std::string& unsent = end(descriptor).unsent;
    const ssize_t sent = send(descriptor, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (sent > 0) unsent.erase(0, static_cast<std::size_t>(sent));
  }

  void close_both(int descriptor) {
    const int peer = end(descriptor).peer;
    end(descriptor) = End{};
    end(peer) = End{};
    close(descriptor);
    close(peer);
  }

  sockaddr_in upstream_;
  int epoll_ = -1;
  int listener_ = -1;
  std::vector<End> ends_;  // by descriptor
  std::array<char, 65536> buffer_{};
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: weir_raw_relay LISTEN_PORT UPSTREAM_PORT\n");
    return 64;
  }
  static Relay relay(std::atoi(arguments[1]), std::atoi(arguments[2]));
  relay.run();
}
