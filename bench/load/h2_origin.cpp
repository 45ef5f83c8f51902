// A fast HTTP/2 origin for load tests: one thread, epoll, one prepared answer.
//
//   weir_h2_origin --port N [--body BYTES] [--grpc BYTES] [--silent 1]
//
// It speaks HTTP/2 with prior knowledge and looks at frames only: it never decodes a head, because
// every request gets the same answer, after its END_STREAM. With --grpc the answer is a gRPC
// message of so many bytes and trailers with `grpc-status: 0`; with --silent nothing is ever
// answered. HPACK is used as a good server does: names and values are sent once for each connection
// and named by their index after that. It listens on all of 127.0.0.0/8, so that one process can
// play several endpoints.
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
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"

namespace {

using weir::bench::fail;
using weir::bench::number;

struct Options {
  std::uint16_t port = 0;
  std::size_t body = 1024;
  bool grpc = false;
  bool silent = false;
};

Options read_options(int count, char** arguments) {
  Options options;
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = arguments[index];
    const std::uint64_t value = number(arguments[index + 1]);
    if (name == "--port") options.port = static_cast<std::uint16_t>(value);
    if (name == "--body") options.body = value;
    if (name == "--silent") options.silent = value != 0;
    if (name == "--grpc") {
      options.grpc = true;
      options.body = value;
    }
  }
  return options;
}

enum Type : std::uint8_t {
  data = 0,
  headers = 1,
  settings = 4,
  ping = 6,
  window_update = 8,
  continuation = 9
};
constexpr std::uint8_t end_stream = 0x1;
constexpr std::uint8_t acknowledge = 0x1;
constexpr std::uint8_t end_headers = 0x4;
constexpr std::size_t preface_size = 24;
constexpr std::size_t frame_head = 9;
constexpr std::int64_t first_window = 65535;

std::uint32_t word(const char* bytes) {
  std::uint32_t value = 0;
  for (int index = 0; index < 4; ++index) {
    value = value << 8 | static_cast<unsigned char>(bytes[index]);
  }
  return value;
}

void append_word(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

struct Header {
  Type type;
  std::uint8_t flags = 0;
};

void append_frame(std::string& out, Header header, std::uint32_t stream, std::string_view payload) {
  append_word(out, static_cast<std::uint32_t>(payload.size()) << 8 | header.type);
  out += static_cast<char>(header.flags);
  append_word(out, stream);
  out += payload;
}

// A field of HPACK's static table with a value of our own, which the peer is to remember.
std::string remembered(std::uint8_t name, std::string_view value) {
  return std::string{static_cast<char>(0x40 | name), static_cast<char>(value.size())} +
         std::string{value};
}

std::string remembered(std::string_view name, std::string_view value) {
  return std::string{'\x40', static_cast<char>(name.size())} + std::string{name} +
         static_cast<char>(value.size()) + std::string{value};
}

// The blocks of an answer: those that fill the peer's table, and those that name its entries.
struct Blocks {
  std::string head;
  std::string trailers;
};

Blocks first_blocks(const Options& options) {
  constexpr std::uint8_t content_length = 28;
  constexpr std::uint8_t content_type = 31;
  constexpr std::uint8_t server = 54;
  std::string head = "\x88" + remembered(server, "origin");
  if (options.grpc) {
    return {.head = head + remembered(content_type, "application/grpc"),
            .trailers = remembered("grpc-status", "0")};
  }
  head += remembered(content_type, "text/plain");
  return {.head = head + remembered(content_length, std::to_string(options.body)), .trailers = {}};
}

// The newest entry of the table is 62.
Blocks next_blocks(const Options& options) {
  if (options.grpc) return {.head = "\x88\xc0\xbf", .trailers = "\xbe"};
  return {.head = "\x88\xc0\xbf\xbe", .trailers = {}};
}

// For peers that want no table (NGINX): everything in full, each time.
Blocks full_blocks(const Options& options) {
  const auto field = [](std::string_view name, std::string_view value) {
    return std::string{'\0', static_cast<char>(name.size())} + std::string{name} +
           static_cast<char>(value.size()) + std::string{value};
  };
  const std::string head = "\x88" + field("server", "origin");
  if (options.grpc) {
    return {.head = head + field("content-type", "application/grpc"),
            .trailers = field("grpc-status", "0")};
  }
  return {.head = head + field("content-type", "text/plain") +
                  field("content-length", std::to_string(options.body)),
          .trailers = {}};
}

struct Connection {
  bool open = false;
  bool greeted = false;    // the preface has been read
  bool remembers = false;  // the first answer has been sent
  bool forgetful = false;  // the peer has no table
  bool last_head = false;  // the head under way ends its stream
  std::int64_t window = first_window;
  std::size_t unconfirmed = 0;  // DATA received for which no window has been given back
  std::string received;
  std::string unsent;
  std::deque<std::uint32_t> waiting;  // for the connection's window
};

class Origin {
 public:
  explicit Origin(const Options& options)
      : options_(options),
        first_(first_blocks(options)),
        next_(next_blocks(options)),
        full_(full_blocks(options)),
        connections_(65536) {
    if (options.grpc) {
      body_ += '\0';
      append_word(body_, static_cast<std::uint32_t>(options.body));
    }
    body_ += std::string(options.body, 'x');
    if (body_.size() > 16384) fail("a body above one frame is not supported");
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
      const int ready = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int index = 0; index < ready; ++index) {
        const int descriptor = events[static_cast<std::size_t>(index)].data.fd;
        if (descriptor == listener_) {
          accept_all();
        } else {
          serve(descriptor);
        }
      }
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
      connection = Connection{};
      connection.open = true;
      // SETTINGS_MAX_CONCURRENT_STREAMS of 1000.
      append_frame(connection.unsent, {.type = settings}, 0, {"\0\3\0\0\3\xe8", 6});
      watch(descriptor, EPOLLIN | EPOLLOUT | EPOLLET);
    }
  }

  void serve(int descriptor) {
    Connection& connection = connections_[static_cast<std::size_t>(descriptor)];
    while (connection.open) {
      const ssize_t got = read(descriptor, buffer_.data(), buffer_.size());
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (got <= 0) {
        close(descriptor);
        connection = Connection{};
        return;
      }
      connection.received.append(buffer_.data(), static_cast<std::size_t>(got));
      take_frames(connection);
      if (static_cast<std::size_t>(got) < buffer_.size()) break;
    }
    flush(descriptor, connection);
  }

  void take_frames(Connection& connection) {
    std::string_view left = connection.received;
    if (!connection.greeted) {
      if (left.size() < preface_size) return;
      left.remove_prefix(preface_size);
      connection.greeted = true;
    }
    while (left.size() >= frame_head) {
      const std::size_t size = word(left.data()) >> 8;
      if (left.size() < frame_head + size) break;
      const Header header{.type = static_cast<Type>(left[3]),
                          .flags = static_cast<std::uint8_t>(left[4])};
      take_frame(connection, header, word(left.data() + 5), left.substr(frame_head, size));
      left.remove_prefix(frame_head + size);
    }
    connection.received.erase(0, connection.received.size() - left.size());
  }

  void take_frame(Connection& connection, Header header, std::uint32_t stream,
                  std::string_view payload) {
    switch (header.type) {
      case data:
        give_back(connection, payload.size());
        if ((header.flags & end_stream) != 0) answer(connection, stream);
        return;
      case headers: connection.last_head = (header.flags & end_stream) != 0; [[fallthrough]];
      case continuation:
        if ((header.flags & end_headers) != 0 && connection.last_head) answer(connection, stream);
        return;
      case settings:
        if ((header.flags & acknowledge) != 0) return;
        take_settings(connection, payload);
        return append_frame(connection.unsent, {.type = settings, .flags = acknowledge}, 0, {});
      case ping:
        if ((header.flags & acknowledge) != 0) return;
        return append_frame(connection.unsent, {.type = ping, .flags = acknowledge}, 0, payload);
      case window_update:
        if (stream == 0) widen(connection, word(payload.data()));
        return;
    }
  }

  static void take_settings(Connection& connection, std::string_view payload) {
    constexpr std::uint32_t header_table_size = 1;
    constexpr std::uint32_t enough = 4096;
    for (; payload.size() >= 6; payload.remove_prefix(6)) {
      const std::uint32_t name = word(payload.data()) >> 16;
      if (name == header_table_size) connection.forgetful = word(payload.data() + 2) < enough;
    }
  }

  static void give_back(Connection& connection, std::size_t bytes) {
    connection.unconfirmed += bytes;
    if (connection.unconfirmed < static_cast<std::size_t>(first_window) / 2) return;
    std::string more;
    append_word(more, static_cast<std::uint32_t>(connection.unconfirmed));
    append_frame(connection.unsent, {.type = window_update}, 0, more);
    connection.unconfirmed = 0;
  }

  void widen(Connection& connection, std::uint32_t bytes) {
    connection.window += bytes;
    while (!connection.waiting.empty() && fits(connection)) {
      const std::uint32_t stream = connection.waiting.front();
      connection.waiting.pop_front();
      write_answer(connection, stream);
    }
  }

  bool fits(const Connection& connection) const {
    return connection.window >= static_cast<std::int64_t>(body_.size());
  }

  void answer(Connection& connection, std::uint32_t stream) {
    if (options_.silent) return;
    if (fits(connection) && connection.waiting.empty()) return write_answer(connection, stream);
    connection.waiting.push_back(stream);
  }

  const Blocks& choose(const Connection& connection) const {
    if (connection.forgetful) return full_;
    return connection.remembers ? next_ : first_;
  }

  void write_answer(Connection& connection, std::uint32_t stream) {
    const Blocks& blocks = choose(connection);
    // The change of the table's size has to be confirmed, once (RFC 7541, 4.2).
    const std::string_view prefix = connection.forgetful && !connection.remembers ? "\x20" : "";
    connection.remembers = true;
    connection.window -= static_cast<std::int64_t>(body_.size());
    const bool ends = !options_.grpc;
    append_frame(connection.unsent, {.type = headers, .flags = end_headers}, stream,
                 std::string{prefix} + blocks.head);
    append_frame(connection.unsent, {.type = data, .flags = ends ? end_stream : std::uint8_t{0}},
                 stream, body_);
    if (ends) return;
    append_frame(connection.unsent, {.type = headers, .flags = end_headers | end_stream}, stream,
                 blocks.trailers);
  }

  static void flush(int descriptor, Connection& connection) {
    if (connection.unsent.empty()) return;
    const ssize_t sent =
        ::send(descriptor, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent > 0) connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }

  Options options_;
  Blocks first_;
  Blocks next_;
  Blocks full_;
  std::string body_;
  int epoll_ = -1;
  int listener_ = -1;
  std::vector<Connection> connections_;  // by descriptor
  std::array<char, 65536> buffer_{};
};

}  // namespace

int main(int count, char** arguments) {
  static Origin origin(read_options(count, arguments));
  origin.run();
}
