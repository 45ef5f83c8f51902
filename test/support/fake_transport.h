// The other end of a connection in unit tests: no latency and no loop, the test delivers.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/net/tls.h"
#include "weir/net/transport.h"

namespace weir::net {

// Outlives the transport that it made, and tells what became of it.
class FakePeer {
 public:
  // What a handshake has established; none on a plain connection.
  std::optional<TlsPeer> tls;

  std::unique_ptr<Transport> connect() { return std::make_unique<Wire>(*this); }

  // What the peer does; the proxy hears of it when it is delivered.
  void send(std::string_view bytes) { unread_.append(bytes); }
  void end() { ended_ = true; }
  void reset() { broken_ = true; }

  // Completes the outstanding read, with at most `most` bytes; false when there is nothing to tell
  // or nobody reads.
  bool deliver(std::size_t most = std::numeric_limits<std::size_t>::max()) {
    if (reading_.empty() || (unread_.empty() && !ended_ && !broken_)) return false;
    const std::size_t count = std::min({most, reading_.size(), unread_.size()});
    std::copy_n(unread_.begin(), count, reading_.begin());
    unread_.erase(0, count);
    reading_ = {};
    events_->on_read({count, count == 0 && broken_ ? IoError::reset : IoError::none});
    return true;
  }
  // From now on the peer takes `count` bytes and no more; who waits for that is told.
  void take(std::size_t count) {
    room_ = count;
    if (std::exchange(writer_waits_, false)) events_->on_writable();
  }
  void take_everything() { take(std::numeric_limits<std::size_t>::max()); }

  // What has arrived since the last call.
  std::string received() { return std::exchange(received_, {}); }
  std::size_t reading() const { return reading_.size(); }  // 0: nobody reads
  std::size_t unread() const { return unread_.size(); }
  int writes() const { return writes_; }
  bool was_ended() const { return sender_ended_; }
  bool was_closed() const { return closed_; }
  bool was_reset() const { return closed_ && resets_; }

 private:
  class Wire final : public Transport {
   public:
    explicit Wire(FakePeer& peer) : peer_(peer) {}
    ~Wire() override {
      peer_.closed_ = true;
      peer_.reading_ = {};
      peer_.writer_waits_ = false;
    }
    void deliver_to(TransportEvents& events) override { peer_.events_ = &events; }
    void read(std::span<char> into) override { peer_.reading_ = into; }
    WriteResult write(std::span<const iovec> pieces) override { return peer_.accept(pieces); }
    void wait_writable() override { peer_.writer_waits_ = true; }
    void shutdown_send() override { peer_.sender_ended_ = true; }
    void reset_on_close() override { peer_.resets_ = true; }
    const Address& peer() const override { return remote_; }
    const Address& local() const override { return local_; }
    const TlsPeer* tls() const override { return peer_.tls ? &*peer_.tls : nullptr; }

   private:
    FakePeer& peer_;
    Address remote_ = Address::v4({10, 0, 0, 9}, 40'000);
    Address local_ = Address::v4({10, 0, 0, 1}, 8080);
  };

  WriteResult accept(std::span<const iovec> pieces) {
    ++writes_;
    if (broken_) return {0, IoError::reset};
    std::size_t taken = 0;
    for (const iovec& piece : pieces) {
      const std::size_t count = std::min(piece.iov_len, room_);
      received_.append(static_cast<const char*>(piece.iov_base), count);
      room_ -= count;
      taken += count;
    }
    return {taken, IoError::none};
  }

  TransportEvents* events_ = nullptr;
  std::span<char> reading_;
  std::string unread_;
  std::string received_;
  std::size_t room_ = std::numeric_limits<std::size_t>::max();
  int writes_ = 0;
  bool ended_ = false;
  bool broken_ = false;
  bool writer_waits_ = false;
  bool sender_ended_ = false;
  bool closed_ = false;
  bool resets_ = false;
};

}  // namespace weir::net
