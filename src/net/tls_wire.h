// A non-blocking TCP socket as OpenSSL reads and writes it.
//
// It knows what the loop has announced, so that it asks the kernel for nothing that is not there:
// after a short read the socket is empty, and OpenSSL, which reads ahead, gets a whole batch of
// records from one recv().
//
// What need not go at once, it can hold back: that goes out with what is written next, in one
// send().
#pragma once

#include <string>
#include <string_view>

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

  // Everything that is written is held back, until release(), after which it goes with the next
  // write, or flush(), which sends it now; what the kernel does not take then goes when it can.
  void hold() { holding_ = true; }
  void release() { holding_ = false; }
  void flush();
  bool holds() const { return !held_.empty(); }

  int descriptor() const { return socket_.number(); }

 private:
  // What is held, then `bytes`; how many of these were taken.
  std::size_t send(std::string_view bytes);

  Descriptor socket_;
  std::string held_;
  bool holding_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool hung_up_ = false;  // an end or an error waits behind what is unread
  bool ended_ = false;
  int error_number_ = 0;
};

}  // namespace weir::net
