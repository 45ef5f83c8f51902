// A non-blocking TCP socket as OpenSSL reads and writes it.
//
// It knows what the loop has announced, so that it asks the kernel for nothing that is not there:
// after a short read the socket is empty, and OpenSSL, which reads ahead, gets a whole batch of
// records from one recv().
#pragma once

#include "net/openssl.h"
#include "weir/net/descriptor.h"
#include "weir/net/loop.h"

namespace weir::net {

class TlsWire {
 public:
  explicit TlsWire(Descriptor socket) : socket_(std::move(socket)) {}

  // OpenSSL's view of it, which the wire must outlive; null without memory.
  BasicIo io();

  void announce(Readiness readiness);
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  // The peer's last byte has been read. OpenSSL is not told, so that it can go on writing.
  bool ended() const { return ended_; }
  // What the kernel said when it broke; 0 as long as it works.
  int error_number() const { return error_number_; }

  int read(char* into, int size);
  int write(const char* bytes, int size);

  int descriptor() const { return socket_.number(); }

 private:
  Descriptor socket_;
  bool readable_ = false;
  bool writable_ = true;
  bool hung_up_ = false;  // an end or an error waits behind what is unread
  bool ended_ = false;
  int error_number_ = 0;
};

}  // namespace weir::net
