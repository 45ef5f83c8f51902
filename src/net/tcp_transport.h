// A TCP connection on a Loop.
//
// Per request it costs one recv() and one sendmsg(): the socket is registered once and
// edge-triggered, a read shorter than its buffer tells that the socket is empty (EPOLLRDHUP tells
// when an end follows it), and writing is tried before anything is waited for.
#pragma once

#include <optional>

#include "net/socket.h"
#include "weir/base/recycle.h"
#include "weir/net/descriptor.h"
#include "weir/net/loop.h"
#include "weir/net/transport.h"

namespace weir::net {

class TcpTransport final : public Transport, public Recycled, private Watcher, private Wakeable {
 public:
  // Null when the kernel refuses another watch. `socket` is connected and non-blocking.
  static std::unique_ptr<TcpTransport> make(Loop& loop, Descriptor socket, const Address& peer,
                                            Watched watched);
  ~TcpTransport() override;

  void deliver_to(TransportEvents& events) override { events_ = &events; }
  void read(std::span<char> into) override;
  WriteResult write(std::span<const iovec> pieces) override;
  bool splices() const override { return true; }
  void splice_in(KernelPipe& into) override;
  WriteResult splice_out(KernelPipe& from) override;
  void wait_writable() override;
  void shutdown_send() override;
  void reset_on_close() override;
  const Address& peer() const override { return peer_; }
  const Address& local() const override;

 private:
  TcpTransport(Loop& loop, Descriptor socket, const Address& peer);
  void on_ready(Readiness readiness) override;
  void wake() override;
  void deliver();
  // Nothing when no bytes had arrived after all.
  ssize_t send(std::span<const iovec> pieces) const;
  std::optional<ReadResult> receive();
  std::optional<ReadResult> receive_into_pipe();
  std::optional<ReadResult> failed_read(int error_number);
  bool reading() const { return !into_.empty() || pipe_ != nullptr; }

  Loop& loop_;
  Descriptor socket_;
  TransportEvents* events_ = nullptr;
  std::span<char> into_;           // not empty: a read is outstanding
  KernelPipe* pipe_ = nullptr;     // not null: a read into it is
  bool readable_ = false;          // a recv() may give something
  bool writable_ = true;           // no write was cut short since the last room was announced
  bool hung_up_ = false;           // an end or an error waits behind what is unread
  bool urgent_ = false;            // there was urgent data, in front of which reads stop
  bool waiting_for_room_ = false;  // on_writable() is owed
  bool told_of_room_ = false;      // registered for it, which most connections never need
  Address peer_;
  mutable std::optional<Address> local_;  // asked for when first wanted
};

}  // namespace weir::net
