#include "weir/net/channel.h"

#include <array>
#include <cstring>

namespace weir::net {
namespace {

// Below this, copying into the output buffer is cheaper than a second piece in the system call.
constexpr std::size_t worth_gathering = 16UL * 1024;
// A read into less room than this is not worth its system call while bytes wait unconsumed.
constexpr std::size_t least_room = 512;

}  // namespace

Channel::Channel(std::unique_ptr<Transport> transport, ReadyQueue& ready, ChannelEvents& events)
    : transport_(std::move(transport)), ready_(ready), events_(events), buffer_(smallest_buffer) {
  transport_->deliver_to(*this);
  resume_input();
}

void Channel::consume(std::size_t count) {
  begin_ += count;
  if (!reading_ && !delivering_ && input_state_ == Input::open) ready_.schedule(*this);
}

void Channel::resume_input() {
  if (reading_ || input_state_ != Input::open) return;
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (filled_ && buffer_.size() < largest_buffer) {
      buffer_ = std::vector<char>(buffer_.size() * 4 > largest_buffer ? largest_buffer
                                                                      : buffer_.size() * 4);
    }
  }
  if (begin_ != end_ && buffer_.size() - end_ < least_room) return;
  reading_ = true;
  transport_->read({buffer_.data() + end_, buffer_.size() - end_});
}

bool Channel::read_more() {
  if (reading_ || input_state_ != Input::open) return true;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < least_room) {
    if (buffer_.size() >= largest_buffer) return false;
    buffer_.resize(buffer_.size() * 2);
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
    filled_ = result.bytes == buffer_.size() - end_;
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
  // The buffer itself stays while a read into it is outstanding; it is small again once a read into
  // a large one has ended with everything consumed.
  if (!reading_ && begin_ == end_ && buffer_.size() > smallest_buffer) {
    buffer_ = std::vector<char>(smallest_buffer);
    begin_ = end_ = 0;
    filled_ = false;
  }
}

}  // namespace weir::net
