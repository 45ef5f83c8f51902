// One end of a connection over real sockets, remembering what it heard.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/net/loop.h"
#include "weir/net/transport.h"

namespace weir::net {

inline const Address any_port = Address::v4({127, 0, 0, 1}, 0);

// Turns until `done`; a promise that is never kept ends the test instead of hanging it.
template <class Predicate>
void turn_until(Loop& loop, Predicate done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "nothing happened";
    loop.turn(std::chrono::milliseconds{50});
  }
}

class Peer final : public TransportEvents {
 public:
  explicit Peer(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {
    transport_->deliver_to(*this);
  }

  void read() { transport_->read(buffer); }
  void on_read(ReadResult result) override {
    received.append(buffer.data(), result.bytes);
    last = result;
    ++reads;
    if (result.bytes > 0 && reading_on) read();
  }
  void on_writable() override { ++writables; }
  WriteResult write(std::string_view text) {
    const iovec piece{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    return transport_->write({&piece, 1});
  }
  Transport& transport() { return *transport_; }
  void close() { transport_.reset(); }

  std::vector<char> buffer = std::vector<char>(16384);
  std::string received;
  std::optional<ReadResult> last;
  int reads = 0;
  int writables = 0;
  bool reading_on = true;

 private:
  std::unique_ptr<Transport> transport_;
};

struct Connected final : ConnectEvents {
  std::unique_ptr<Transport> transport;
  std::optional<ConnectError> error;
  void on_connect(std::unique_ptr<Transport> made, ConnectError why) override {
    transport = std::move(made);
    error = why;
  }
};

}  // namespace weir::net
