#include "net/tcp_transport.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "net/socket.h"
#include "weir/net/kernel_pipe.h"

namespace weir::net {

std::unique_ptr<TcpTransport> TcpTransport::make(Loop& loop, Descriptor socket, const Address& peer,
                                                 Watched watched) {
  std::unique_ptr<TcpTransport> transport{new TcpTransport(loop, std::move(socket), peer)};
  const int number = transport->socket_.number();
  if (watched == Watched::yes) {
    loop.rewatch(number, Interest::read, *transport);
  } else if (!loop.watch(number, Interest::read, *transport)) {
    return nullptr;
  }
  return transport;
}

TcpTransport::TcpTransport(Loop& loop, Descriptor socket, const Address& peer)
    : loop_(loop), socket_(std::move(socket)), peer_(peer) {}

TcpTransport::~TcpTransport() { loop_.forget(*this); }

void TcpTransport::read(std::span<char> into) {
  into_ = into;
  // Not at once, and not in this turn: a peer that never pauses must not starve the others.
  if (readable_) loop_.defer(*this);
}

void TcpTransport::splice_in(KernelPipe& into) {
  pipe_ = &into;
  if (readable_) loop_.defer(*this);
}

void TcpTransport::on_ready(Readiness readiness) {
  readable_ = readable_ || readiness.readable;
  writable_ = writable_ || readiness.writable;
  hung_up_ = hung_up_ || readiness.hung_up;
  urgent_ = urgent_ || readiness.urgent;
  deliver();
}

void TcpTransport::wake() { deliver(); }

// Whoever is called may destroy the transport, so each call is the last thing done.
void TcpTransport::deliver() {
  const bool may_read = reading() && readable_;
  if (waiting_for_room_ && writable_) {
    waiting_for_room_ = false;
    if (may_read) loop_.defer(*this);
    events_->on_writable();
    return;
  }
  if (!may_read) return;
  if (const auto result = receive()) {
    into_ = {};
    pipe_ = nullptr;
    events_->on_read(*result);
  }
}

std::optional<ReadResult> TcpTransport::receive() {
  if (pipe_ != nullptr) return receive_into_pipe();
  const ssize_t count = ::recv(socket_.number(), into_.data(), into_.size(), MSG_DONTWAIT);
  if (count < 0) return failed_read(errno);
  const auto bytes = static_cast<std::size_t>(count);
  // A short read has emptied the socket; only what hung_up_ announces can still be there, and what
  // stands behind an urgent mark.
  readable_ = bytes == into_.size() || hung_up_ || urgent_;
  return ReadResult{.bytes = bytes, .error = IoError::none};
}

// That it is short tells nothing: a pipe is full when its slots are used up.
std::optional<ReadResult> TcpTransport::receive_into_pipe() {
  ssize_t count = 0;
  if (urgent_) {
    // splice() never passes an urgent mark.
    std::array<char, 4096> bytes;
    count = ::recv(socket_.number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) count = ::write(pipe_->write_end(), bytes.data(), static_cast<size_t>(count));
  } else {
    count = ::splice(socket_.number(), nullptr, pipe_->write_end(), nullptr, KernelPipe::size,
                     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }
  if (count < 0) return failed_read(errno);
  pipe_->filled(static_cast<std::size_t>(count));
  return ReadResult{.bytes = static_cast<std::size_t>(count), .error = IoError::none};
}

std::optional<ReadResult> TcpTransport::failed_read(int error_number) {
  if (error_number == EAGAIN || error_number == EINTR) {
    readable_ = false;
    return std::nullopt;
  }
  return ReadResult{.bytes = 0, .error = io_error(error_number)};
}

// One piece goes by send(), which spares the kernel the copying of a message header.
ssize_t TcpTransport::send(std::span<const iovec> pieces) const {
  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (pieces.size() == 1) {
    return ::send(socket_.number(), pieces[0].iov_base, pieces[0].iov_len, flags);
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg() does not write to it
  message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
  return ::sendmsg(socket_.number(), &message, flags);
}

WriteResult TcpTransport::write(std::span<const iovec> pieces) {
  std::size_t offered = 0;
  for (const iovec& piece : pieces) offered += piece.iov_len;
  const ssize_t sent = send(pieces);
  if (sent < 0 && errno != EAGAIN) return {.bytes = 0, .error = io_error(errno)};
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (taken < offered) writable_ = false;
  return {.bytes = taken, .error = IoError::none};
}

WriteResult TcpTransport::splice_out(KernelPipe& from) {
  const std::size_t offered = from.held();
  const ssize_t sent = ::splice(from.read_end(), nullptr, socket_.number(), nullptr, offered,
                                SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (sent < 0 && errno != EAGAIN) return {.bytes = 0, .error = io_error(errno)};
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  from.drained(taken);
  if (taken < offered) writable_ = false;
  return {.bytes = taken, .error = IoError::none};
}

void TcpTransport::wait_writable() {
  waiting_for_room_ = true;
  if (writable_) {
    loop_.defer(*this);
  } else if (!told_of_room_) {
    told_of_room_ = true;
    loop_.rewatch(socket_.number(), Interest::read_write, *this);
  }
}

void TcpTransport::shutdown_send() { ::shutdown(socket_.number(), SHUT_WR); }

void TcpTransport::reset_on_close() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

const Address& TcpTransport::local() const {
  if (!local_) local_ = name_of(socket_.number(), Side::local);
  return *local_;
}

}  // namespace weir::net
