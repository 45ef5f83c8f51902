// Handshakes as fast as a server takes them: one thread, epoll, OpenSSL, and nothing behind them.
//
//   weir_tls_load --port N [--seconds N] [--connections N] [--resume 1]
//
// As soon as a handshake is finished the connection is closed; it counts when the server has closed
// its side, too, and so has done all of its part, tickets included. Then the next one begins. With
// --resume 1 each one offers the newest session of its predecessors. The certificate is not
// verified, its signature is.
// Every connection comes from an address of its own (127.0.1.x), lest ports run out.
//
// It ends with one line: handshakes N resumed N errors N seconds N p50_us N p99_us N
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.h"

namespace {

using weir::bench::number;

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::chrono::seconds seconds{3};
  std::size_t connections = 32;
  bool resume = false;
};

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* connection) const { SSL_free(connection); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;
using Connection = std::unique_ptr<SSL, Free>;
using Session = std::unique_ptr<SSL_SESSION, Free>;

// One connection after another.
struct Slot {
  std::uint32_t source = 0;  // host byte order
  int descriptor = -1;
  bool closed = false;  // on our side
  Connection connection;
  Session newest;
  Clock::time_point began;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ERR_print_errors_fp(stderr);
  std::exit(1);
}

Options read_options(int count, char** arguments) {
  Options options;
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = arguments[index];
    const std::uint64_t value = number(arguments[index + 1]);
    if (name == "--port") options.port = static_cast<std::uint16_t>(value);
    if (name == "--seconds") options.seconds = std::chrono::seconds{value};
    if (name == "--connections") options.connections = std::clamp<std::size_t>(value, 1, 250);
    if (name == "--resume") options.resume = value != 0;
  }
  if (options.port == 0) {
    std::fprintf(stderr,
                 "usage: weir_tls_load --port N [--seconds N] [--connections N] [--resume 1]\n");
    std::exit(64);
  }
  return options;
}

int keep_session(SSL* connection, SSL_SESSION* session) {
  static_cast<Slot*>(SSL_get_app_data(connection))->newest.reset(session);
  return 1;  // the session is ours now
}

// One suite and one group, so that every server does the same work.
Context make_context() {
  Context context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX* raw = context.get();
  if (raw == nullptr || SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(raw, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(raw, "X25519") != 1) {
    fail("context");
  }
  constexpr std::array<unsigned char, 9> protocol{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(raw, protocol.data(), protocol.size());
  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, keep_session);
  return context;
}

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return address;
}

// Connected; that takes no time on this machine, so it is waited for.
int connect_from(std::uint32_t source, std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail("socket");
  const int on = 1;
  setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in from = address_of(source, 0);
  const sockaddr_in to = address_of(INADDR_LOOPBACK, port);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
      connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    fail("connect");
  }
  fcntl(descriptor, F_SETFL, O_NONBLOCK);
  return descriptor;
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), context_(make_context()), slots_(options.connections) {
    if (epoll_ < 0) fail("epoll_create1");
    for (std::size_t index = 0; index < slots_.size(); ++index) {
      slots_[index].source = 0x7f000101U + static_cast<std::uint32_t>(index);
    }
  }

  void run() {
    const Clock::time_point begin = Clock::now();
    const Clock::time_point end = begin + options_.seconds;
    for (Slot& slot : slots_) start(slot);
    std::array<epoll_event, 256> events{};
    while (Clock::now() < end) {
      const int ready = epoll_wait(epoll_, events.data(), events.size(), 10);
      for (int index = 0; index < ready; ++index) {
        serve(*static_cast<Slot*>(events[static_cast<std::size_t>(index)].data.ptr));
      }
    }
    report(Clock::now() - begin);
  }

 private:
  void start(Slot& slot) {
    slot.began = Clock::now();
    slot.closed = false;
    slot.descriptor = connect_from(slot.source, options_.port);
    slot.connection.reset(SSL_new(context_.get()));
    SSL* raw = slot.connection.get();
    if (raw == nullptr || SSL_set_fd(raw, slot.descriptor) != 1) fail("connection");
    SSL_set_app_data(raw, &slot);
    SSL_ctrl(raw, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name_.data());
    if (options_.resume && slot.newest != nullptr) {
      // OpenSSL uses a session once, and not every server sends a new one after resuming.
      const Session copy{SSL_SESSION_dup(slot.newest.get())};
      SSL_set_session(raw, copy.get());
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &slot;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, slot.descriptor, &event) != 0) fail("epoll_ctl");
    SSL_set_connect_state(raw);
    SSL_do_handshake(raw);  // sends the first flight; serve() goes on
  }

  // What is sent fits into the socket's buffer, so a handshake waits for bytes to read only.
  void serve(Slot& slot) {
    std::array<char, 256> unread{};
    SSL* raw = slot.connection.get();
    ERR_clear_error();
    int result = SSL_do_handshake(raw);
    const bool handshaken = result == 1;
    if (handshaken && !std::exchange(slot.closed, true)) {
      SSL_shutdown(raw);
      shutdown(slot.descriptor, SHUT_WR);
    }
    if (handshaken) {  // what comes now are tickets, and the end
      while ((result = SSL_read(raw, unread.data(), unread.size())) > 0) {
      }
    }
    if (SSL_get_error(raw, result) == SSL_ERROR_WANT_READ) return;
    if (handshaken) {
      count(slot);
    } else {
      ++errors_;
    }
    restart(slot);
  }

  void count(const Slot& slot) {
    resumed_ += SSL_session_reused(slot.connection.get()) == 1 ? 1U : 0U;
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - slot.began);
    took_.push_back(took.count());
  }

  void restart(Slot& slot) {
    close(slot.descriptor);
    start(slot);
  }

  void report(Clock::duration elapsed) {
    if (took_.empty()) {
      std::fprintf(stderr, "no handshake was finished, %zu failed\n", errors_);
      ERR_print_errors_fp(stderr);
      std::exit(1);
    }
    std::ranges::sort(took_);
    std::printf("handshakes %zu resumed %zu errors %zu seconds %.4f p50_us %lld p99_us %lld\n",
                took_.size(), resumed_, errors_, std::chrono::duration<double>(elapsed).count(),
                static_cast<long long>(took_[took_.size() / 2]),
                static_cast<long long>(took_[took_.size() * 99 / 100]));
  }

  Options options_;
  Context context_;
  std::vector<Slot> slots_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::string name_ = "origin";
  std::vector<std::int64_t> took_;  // microseconds
  std::size_t resumed_ = 0;
  std::size_t errors_ = 0;
};

}  // namespace

int main(int count, char** arguments) { Load{read_options(count, arguments)}.run(); }
