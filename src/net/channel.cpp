#include "weir/net/channel.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::net {
namespace {

// Below this, copying into the output buffer is cheaper than a second piece in the system call.
constexpr std::size_t worth_gathering = 16UL * 1024;
// A read into less room than this is not worth its system call while bytes wait unconsumed.
constexpr std::size_t least_room = 512;

// Where what comes next arrives, for all channels of a thread that have no buffer.
std::span<char> landing() {
  static thread_local std::array<char, Channel::smallest_buffer> bytes;
  return bytes;
}

}  // namespace

Channel::Channel(std::unique_ptr<Transport> transport, ReadyQueue& ready, ChannelEvents& events)
    : transport_(std::move(transport)), ready_(ready), events_(events) {
  transport_->deliver_to(*this);
  resume_input();
}

void Channel::consume(std::size_t count) {
  begin_ += count;
  if (!reading_ && !delivering_ && input_state_ == Input::open) ready_.schedule(*this);
}

Channel::Buffer Channel::make_buffer(std::size_t size) {
  return {static_cast<char*>(recycled_allocate(size)), RecycleBytes{size}};
}

void Channel::resume_input() {
  if (reading_ || input_state_ != Input::open) return;
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (filled_ && capacity() < largest_buffer) {
      buffer_ = make_buffer(std::min(capacity() * 4, largest_buffer));
    } else if (capacity() == smallest_buffer) {
      buffer_.reset();
    }
  }
  if (begin_ != end_ && capacity() - end_ < least_room) return;
  reading_ = true;
  transport_->read(buffer_ ? std::span{buffer_.get() + end_, capacity() - end_} : landing());
}

bool Channel::read_more() {
  if (reading_ || input_state_ != Input::open) return true;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_ && capacity() - end_ < least_room) {
    if (capacity() >= largest_buffer) return false;
    Buffer larger = make_buffer(capacity() * 2);
    std::memcpy(larger.get(), buffer_.get(), end_);
    buffer_ = std::move(larger);
  }
  resume_input();
  return true;
}

void Channel::on_read(ReadResult result) {
  reading_ = false;
  if (result.error != IoError::none) {
    input_state_ = Input::broken;
  } else if (result.end()) {
    input_state_ = Input::ended;
  } else {
    if (!buffer_) {
      buffer_ = make_buffer(smallest_buffer);
      std::memcpy(buffer_.get(), landing().data(), result.bytes);
    }
    filled_ = result.bytes == capacity() - end_;
    end_ += result.bytes;
  }
  delivering_ = true;
  events_.on_input();
  delivering_ = false;
  // After everything that this input woke, so that a consumed buffer is read into from its start.
  if (input_state_ == Input::open) ready_.schedule(*this);
}

void Channel::write(std::span<const char> bytes) {
  if (output_broken_) return;
  if (waiting_ || bytes.size() < worth_gathering) {
    output_.append(bytes.data(), bytes.size());
  } else {
    send(bytes);
  }
}

void Channel::flush_at_once() {
  if (waiting_ || output_broken_ || unsent() == 0) return;
  send({});
  if (output_broken_) events_.on_drained();
}

void Channel::send(std::span<const char> bytes) {
  // Transports only read from the pieces.
  const std::array<iovec, 2> pieces{{
      {output_.data() + sent_, unsent()},
      {const_cast<char*>(bytes.data()), bytes.size()},  // NOLINT(*-const-cast)
  }};
  const WriteResult result =
      transport_->write(std::span{pieces}.first(bytes.empty() ? 1 : pieces.size()));
  if (result.error != IoError::none) {
    output_broken_ = true;
    output_.clear();
    sent_ = 0;
    return;
  }
  written_ += result.bytes;
  keep_rest(bytes, result.bytes);
  if (unsent() > 0) {
    waiting_ = true;
    transport_->wait_writable();
  }
}

void Channel::keep_rest(std::span<const char> bytes, std::size_t taken) {
  const std::size_t from_output = std::min(taken, unsent());
  sent_ += from_output;
  const auto rest = bytes.subspan(taken - from_output);
  if (sent_ == output_.size()) {
    output_.clear();
    sent_ = 0;
  }
  output_.append(rest.data(), rest.size());
}

void Channel::on_writable() {
  waiting_ = false;
  if (unsent() > 0) send({});
  if (waiting_) return;
  if (ending_ && !output_broken_) transport_->shutdown_send();
  events_.on_drained();
}

void Channel::finish_output() {
  ending_ = true;
  if (!waiting_ && !output_broken_ && unsent() > 0) send({});
  if (!waiting_ && !output_broken_) transport_->shutdown_send();
}

void Channel::rest() {
  if (output_.empty() && output_.capacity() > smallest_buffer) output_ = std::string{};
  // A buffer stays while a read into it is outstanding; it goes once such a read has ended with
  // everything consumed.
  if (!reading_ && begin_ == end_) {
    buffer_.reset();
    begin_ = end_ = 0;
    filled_ = false;
  }
}

}  // namespace weir::net
