// A fast HTTP/1.1 origin for load tests: one thread, epoll, one prepared answer.
//
//   weir_origin --port N [--body BYTES] [--delay-ms N]
//
// It answers every head that it sees (requests with bodies are not meant for it), keeps the
// connection, and answers pipelined requests in one write. It listens on all of 127.0.0.0/8, so
// that one process can play several endpoints.
#include <arpa/inet.h>
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
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"

namespace {

using weir::bench::fail;
using weir::bench::number;

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::size_t body = 1024;
  std::chrono::milliseconds delay{0};
};

struct Connection {
  std::uint64_t generation = 0;  // tells a reused descriptor from the one that a delay began with
  unsigned matched = 0;          // how many bytes of CR LF CR LF have been seen
  std::string unsent;
};

struct Delayed {
  Clock::time_point due;
  int descriptor;
  std::uint64_t generation;
  std::size_t answers;
};

Options read_options(int count, char** arguments) {
  Options options;
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = arguments[index];
    const std::uint64_t value = number(arguments[index + 1]);
    if (name == "--port") options.port = static_cast<std::uint16_t>(value);
    if (name == "--body") options.body = value;
    if (name == "--delay-ms") options.delay = std::chrono::milliseconds{value};
  }
  return options;
}

// How many request heads end within `bytes`, remembering a beginning that was cut.
std::size_t count_heads(Connection& connection, std::string_view bytes) {
  constexpr std::string_view end = "\r\n\r\n";
  std::size_t heads = 0;
  for (const char byte : bytes) {
    if (byte == end[connection.matched]) {
      if (++connection.matched < end.size()) continue;
      ++heads;
      connection.matched = 0;
    } else {
      connection.matched = byte == '\r' ? 1 : 0;
    }
  }
  return heads;
}

class Origin {
 public:
  explicit Origin(const Options& options) : options_(options), connections_(65536) {
    answer_ = "HTTP/1.1 200 OK\r\nserver: origin\r\ncontent-type: text/plain\r\ncontent-length: " +
              std::to_string(options.body) + "\r\n\r\n" + std::string(options.body, 'x');
    epoll_ = epoll_create1(0);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
    if (listen(listener_, 4096) != 0) fail("listen");
    watch(listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int ready = epoll_wait(epoll_, events.data(), events.size(), timeout());
      for (int index = 0; index < ready; ++index) {
        const int descriptor = events[static_cast<std::size_t>(index)].data.fd;
        if (descriptor == listener_) {
          accept_all();
        } else {
          serve(descriptor);
        }
      }
      answer_delayed();
    }
  }

 private:
  void watch(int descriptor, std::uint32_t what) const {
    epoll_event event{};
    event.events = what;
    event.data.fd = descriptor;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
  }

  void accept_all() {
    while (true) {
      const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (descriptor < 0) return;
      const int on = 1;
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      Connection& connection = connections_.at(static_cast<std::size_t>(descriptor));
      connection = Connection{.generation = ++generation_, .matched = 0, .unsent = {}};
      watch(descriptor, EPOLLIN | EPOLLOUT | EPOLLET);
    }
  }

  void serve(int descriptor) {
    Connection& connection = connections_[static_cast<std::size_t>(descriptor)];
    send(descriptor, connection, 0);
    const ssize_t got = read(descriptor, buffer_.data(), buffer_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      connection.generation = 0;
      close(descriptor);
      return;
    }
    const std::size_t heads =
        count_heads(connection, {buffer_.data(), static_cast<std::size_t>(got)});
    if (heads == 0) return;
    if (options_.delay.count() == 0) return send(descriptor, connection, heads);
    delayed_.push_back({Clock::now() + options_.delay, descriptor, connection.generation, heads});
  }

  void send(int descriptor, Connection& connection, std::size_t answers) {
    if (answers == 0 && connection.unsent.empty()) return;
    if (answers == 1 && connection.unsent.empty()) {
      const ssize_t sent = ::send(descriptor, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
      if (done < answer_.size()) connection.unsent = answer_.substr(done);
      return;
    }
    for (; answers > 0; --answers) connection.unsent += answer_;
    const ssize_t sent =
        ::send(descriptor, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent > 0) connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }

  int timeout() const {
    if (delayed_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(delayed_.front().due - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  void answer_delayed() {
    while (!delayed_.empty() && delayed_.front().due <= Clock::now()) {
      const Delayed next = delayed_.front();
      delayed_.pop_front();
      Connection& connection = connections_[static_cast<std::size_t>(next.descriptor)];
      if (connection.generation == next.generation) {
        send(next.descriptor, connection, next.answers);
      }
    }
  }

  Options options_;
  std::string answer_;
  int epoll_ = -1;
  int listener_ = -1;
  std::uint64_t generation_ = 0;
  std::vector<Connection> connections_;  // by descriptor
  std::deque<Delayed> delayed_;          // in order, because the delay is the same for all
  std::array<char, 65536> buffer_{};
};

}  // namespace

int main(int count, char** arguments) {
  static Origin origin(read_options(count, arguments));
  origin.run();
}
