#include "net/tls_wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace weir::net {
namespace {

TlsWire& wire_of(BIO* io) { return *static_cast<TlsWire*>(BIO_get_data(io)); }

int read_wire(BIO* io, char* into, int size) {
  BIO_clear_retry_flags(io);
  const int count = wire_of(io).read(into, size);
  if (count < 0 && wire_of(io).error_number() == 0) BIO_set_retry_read(io);
  return count;
}

int write_wire(BIO* io, const char* bytes, int size) {
  BIO_clear_retry_flags(io);
  const int count = wire_of(io).write(bytes, size);
  if (count < 0 && wire_of(io).error_number() == 0) BIO_set_retry_write(io);
  return count;
}

long control_wire(BIO* /*io*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, read_wire);
  BIO_meth_set_write(method, write_wire);
  BIO_meth_set_ctrl(method, control_wire);
  return method;
}

}  // namespace

BasicIo TlsWire::io() {
  static const BIO_METHOD* const method = make_method();  // lives as long as the process
  BasicIo io{method == nullptr ? nullptr : BIO_new(method)};
  if (!io) return nullptr;
  BIO_set_data(io.get(), this);
  BIO_set_init(io.get(), 1);
  return io;
}

void TlsWire::announce(Readiness readiness) {
  readable_ = readable_ || readiness.readable;
  writable_ = writable_ || readiness.writable;
  hung_up_ = hung_up_ || readiness.hung_up;
  if (readiness.writable && !holding_) flush();
}

int TlsWire::read(char* into, int size) {
  if (!readable_ || ended_) return -1;
  const ssize_t count =
      ::recv(socket_.number(), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (count > 0) {
    // A short read has emptied the socket; only what hung_up_ announces can still be there.
    readable_ = count == size || hung_up_;
    return static_cast<int>(count);
  }
  readable_ = false;
  if (count == 0) {
    ended_ = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    error_number_ = errno;
  }
  return -1;
}

int TlsWire::write(const char* bytes, int size) {
  const std::string_view all{bytes, static_cast<std::size_t>(size)};
  if (holding_) {
    held_ += all;
    return size;
  }
  if (!writable_) return -1;
  const std::size_t taken = send(all);
  return taken > 0 ? static_cast<int>(taken) : -1;
}

void TlsWire::flush() {
  release();
  if (holds() && writable_) send({});
}

std::size_t TlsWire::send(std::string_view bytes) {
  const std::size_t held = held_.size();
  if (held > 0) bytes = held_ += bytes;
  const ssize_t count =
      ::send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && errno != EAGAIN) error_number_ = errno;
  const auto sent = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  writable_ = sent == bytes.size();
  if (sent < held) {
    held_.resize(held);
    held_.erase(0, sent);
    return 0;
  }
  held_ = {};
  return sent - held;
}

}  // namespace weir::net
