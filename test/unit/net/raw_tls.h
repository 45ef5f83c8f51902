// A TLS peer that does what ours never would: OpenSSL on a blocking socket, in a thread of its own.
#pragma once

#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "certificates.h"
#include "net/socket.h"
#include "weir/base/address.h"
#include "weir/net/descriptor.h"

namespace weir::net {

class RawTls {
 public:
  using Configure = std::function<void(SSL_CTX*)>;

  // Takes over an accepted connection as its server.
  RawTls(Descriptor socket, const std::shared_ptr<SSL_CTX>& context)
      : socket_(std::move(socket)), context_(context), ssl_(SSL_new(context.get())) {
    spare_signals();
    SSL_set_fd(ssl_.get(), socket_.number());
    SSL_set_accept_state(ssl_.get());
  }

  // Connects; `configure` makes it worse than it should be.
  explicit RawTls(
      const Address& to, const Configure& configure = [](SSL_CTX*) {})
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress name{to};
    ::connect(socket_.number(), name.get(), name.length);
    context_ = context(TLS_client_method(), configure);
    ssl_.reset(SSL_new(context_.get()));
    spare_signals();
    SSL_set_fd(ssl_.get(), socket_.number());
    SSL_set_connect_state(ssl_.get());
  }

  static std::shared_ptr<SSL_CTX> context(const SSL_METHOD* method, const Configure& configure) {
    const std::shared_ptr<SSL_CTX> made{SSL_CTX_new(method), SSL_CTX_free};
    SSL_CTX_set_security_level(made.get(), 0);
    SSL_CTX_set_min_proto_version(made.get(), 0);
    configure(made.get());
    return made;
  }
  static Configure showing(const test::MadeCertificate& certificate) {
    return [certificate](SSL_CTX* to) {
      SSL_CTX_use_cert_and_key(to, certificate.x509.get(), certificate.key.get(), nullptr, 1);
    };
  }

  bool shake_hands() { return SSL_do_handshake(ssl_.get()) == 1; }
  void write(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  }
  void write_plain(std::string_view text) {
    ::send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  // What comes next; empty at the end or after an alert.
  std::string read() {
    std::string text(16384, '\0');
    const int count = SSL_read(ssl_.get(), text.data(), static_cast<int>(text.size()));
    text.resize(static_cast<std::size_t>(count > 0 ? count : 0));
    return text;
  }
  // A FIN without close_notify.
  void cut_off() { ::shutdown(socket_.number(), SHUT_WR); }
  SSL* ssl() { return ssl_.get(); }

 private:
  Descriptor socket_;
  std::shared_ptr<SSL_CTX> context_;
  // OpenSSL's own sockets raise SIGPIPE; only this thread's.
  static void spare_signals() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  }

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> ssl_;
};

// Shakes hands with whoever connects, answers what they say and waits until they go.
class RawTlsServer {
 public:
  explicit RawTlsServer(const RawTls::Configure& configure)
      : context_(RawTls::context(TLS_server_method(), configure)),
        listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress name{Address::v4({127, 0, 0, 1}, 0)};
    ::bind(listening_.number(), name.get(), name.length);
    ::listen(listening_.number(), 16);
    thread_ = std::jthread{[this] { serve(); }};
  }
  ~RawTlsServer() { ::shutdown(listening_.number(), SHUT_RDWR); }

  Address address() const { return name_of(listening_.number(), Side::local); }

 private:
  void serve() {
    for (;;) {
      Descriptor socket{::accept(listening_.number(), nullptr, nullptr)};
      if (!socket.open()) return;
      RawTls raw{std::move(socket), context_};
      if (!raw.shake_hands()) continue;
      for (std::string text = raw.read(); !text.empty(); text = raw.read()) raw.write(text);
      SSL_shutdown(raw.ssl());
    }
  }

  std::shared_ptr<SSL_CTX> context_;
  Descriptor listening_;
  std::jthread thread_;
};

}  // namespace weir::net
