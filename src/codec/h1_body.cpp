#include "weir/codec/h1_body.h"

#include <algorithm>
#include <cassert>

#include "h1_chars.h"
#include "h1_field_section.h"
#include "h1_trailers.h"

namespace weir::codec {
namespace {

constexpr std::uint64_t extension_allowance = 4096;
constexpr std::uint8_t longest_size = 16;

std::uint64_t hex_value(char digit) {
  if (digit <= '9') return static_cast<std::uint64_t>(digit - '0');
  return static_cast<std::uint64_t>(lower(digit) - 'a') + 10;
}

}  // namespace

BodyDecoder::BodyDecoder(http::BodyLength length, H1Limits limits) : limits_(limits) {
  reset(length);
}

void BodyDecoder::reset(http::BodyLength length) {
  using Kind = http::BodyLength::Kind;
  switch (length.kind) {
    case Kind::none: phase_ = Phase::ended; break;
    case Kind::known: phase_ = length.bytes > 0 ? Phase::known_data : Phase::ended; break;
    case Kind::chunked: phase_ = Phase::chunk_size; break;
    case Kind::until_close: phase_ = Phase::open_data; break;
  }
  closed_ = false;
  digits_ = 0;
  remaining_ = length.bytes;
  extension_excess_ = 0;
  trailer_bytes_ = 0;
  trailer_count_ = 0;
  searched_ = 0;
  trailers_.clear();
}

BodyDecoder::Step BodyDecoder::decode(std::span<const char> buffered) {
  std::size_t skip = 0;
  while (true) {
    const auto rest = buffered.subspan(skip);
    switch (phase_) {
      case Phase::ended: return {.state = Step::State::end, .skip = skip, .data = {}};
      case Phase::failed: return fail(skip, error_);
      case Phase::known_data:
      case Phase::open_data:
      case Phase::chunk_data: return rest.empty() ? wait(skip) : data_step(skip, rest);
      case Phase::trailers:
        skip += read_trailers(rest);
        if (phase_ == Phase::trailers) return wait(skip);
        break;
      default:
        if (rest.empty()) return wait(skip);
        frame(rest.front());
        if (phase_ != Phase::failed) ++skip;
    }
  }
}

BodyDecoder::Step BodyDecoder::data_step(std::size_t skip, std::span<const char> rest) const {
  if (phase_ != Phase::open_data && rest.size() > remaining_) rest = rest.first(remaining_);
  return {.state = Step::State::data, .skip = skip, .data = rest};
}

BodyDecoder::Step BodyDecoder::fail(std::size_t skip, H1Error error) {
  refuse(error);
  return {.state = Step::State::error, .skip = skip, .data = {}, .error = error};
}

BodyDecoder::Step BodyDecoder::wait(std::size_t skip) {
  if (!closed_) return {.state = Step::State::need_more, .skip = skip, .data = {}};
  if (phase_ != Phase::open_data) return fail(skip, H1Error::cut_off);
  phase_ = Phase::ended;
  return {.state = Step::State::end, .skip = skip, .data = {}};
}

void BodyDecoder::take(std::size_t count) {
  if (phase_ == Phase::open_data) return;
  assert(count <= remaining_);
  remaining_ -= count;
  if (remaining_ > 0) return;
  if (phase_ == Phase::known_data) phase_ = Phase::ended;
  if (phase_ == Phase::chunk_data) phase_ = Phase::chunk_return;
}

void BodyDecoder::refuse(H1Error error) {
  phase_ = Phase::failed;
  error_ = error;
}

void BodyDecoder::frame(char byte) {
  switch (phase_) {
    case Phase::chunk_size: return frame_size(byte);
    case Phase::size_feed: return byte == '\n' ? begin_chunk() : refuse(H1Error::bare_cr);
    case Phase::chunk_return:
      if (byte != '\r') return refuse(H1Error::bad_chunk_end);
      phase_ = Phase::chunk_feed;
      return;
    case Phase::chunk_feed:
      if (byte != '\n') return refuse(H1Error::bare_cr);
      phase_ = Phase::chunk_size;
      return;
    default: return frame_extension(byte);
  }
}

void BodyDecoder::frame_size(char byte) {
  if (is(Class::hex, byte)) {
    if (++digits_ > longest_size) return refuse(H1Error::bad_chunk_size);
    remaining_ = remaining_ * 16 + hex_value(byte);
    return;
  }
  if (byte == '\n') return refuse(H1Error::bare_lf);
  if (digits_ == 0 || remaining_ >> 63U != 0) return refuse(H1Error::bad_chunk_size);
  digits_ = 0;
  if (byte == ';') {
    phase_ = Phase::extension_name;
  } else if (byte == '\r') {
    phase_ = Phase::size_feed;
  } else {
    refuse(H1Error::bad_chunk_size);
  }
}

void BodyDecoder::frame_extension(char byte) {
  if (++extension_excess_ > extension_allowance) {
    return refuse(H1Error::too_much_chunk_extension);
  }
  const bool token = is(Class::token, byte);
  const bool between = phase_ == Phase::extension_rest || phase_ == Phase::extension_token ||
                       phase_ == Phase::extension_closed;
  if (between && byte == ';') {
    phase_ = Phase::extension_name;
  } else if (between && byte == '\r') {
    phase_ = Phase::size_feed;
  } else if (phase_ == Phase::extension_name && token) {
    phase_ = Phase::extension_rest;
  } else if (phase_ == Phase::extension_rest && byte == '=') {
    phase_ = Phase::extension_value;
  } else if (phase_ == Phase::extension_value && (token || byte == '"')) {
    phase_ = token ? Phase::extension_token : Phase::extension_quoted;
  } else if (phase_ == Phase::extension_quoted && is(Class::value, byte)) {
    if (byte == '"') phase_ = Phase::extension_closed;
    if (byte == '\\') phase_ = Phase::extension_escaped;
  } else if (phase_ == Phase::extension_escaped && is(Class::value, byte)) {
    phase_ = Phase::extension_quoted;
  } else if (phase_ == Phase::extension_closed || !token) {
    refuse(H1Error::bad_chunk_extension);
  }
}

void BodyDecoder::begin_chunk() {
  extension_excess_ -= std::min(extension_excess_, remaining_);
  phase_ = remaining_ == 0 ? Phase::trailers : Phase::chunk_data;
}

std::size_t BodyDecoder::read_trailers(std::span<const char> buffered) {
  std::size_t done = 0;
  while (phase_ == Phase::trailers) {
    const std::size_t allowed = limits_.head_bytes - trailer_bytes_;
    const auto rest = buffered.subspan(done, std::min(buffered.size() - done, allowed));
    const char* const end = rest.data() + rest.size();
    const bool incomplete = searched_ > 0 && !has_line_end(rest.data() + searched_, end);
    const FieldLine line = incomplete ? FieldLine{} : parse_field_line(rest.data(), end);
    if (line.kind == FieldLine::Kind::incomplete) {
      searched_ = rest.size();
      if (rest.size() == allowed) refuse(H1Error::trailers_too_large);
      return done;
    }
    searched_ = 0;
    if (line.kind == FieldLine::Kind::refused) {
      refuse(line.error);
      return done;
    }
    const auto size = static_cast<std::size_t>(line.next - rest.data());
    trailer_bytes_ += size;
    done += size;
    if (line.kind == FieldLine::Kind::last) {
      phase_ = Phase::ended;
    } else {
      take_trailer(line.field);
    }
  }
  return done;
}

void BodyDecoder::take_trailer(const http::Field& field) {
  if (++trailer_count_ > limits_.field_count) return refuse(H1Error::too_many_fields);
  switch (trailer_rule(field)) {
    case TrailerRule::keep: trailers_.add(field.id, field.name, field.value); break;
    case TrailerRule::drop: break;
    case TrailerRule::refuse: refuse(H1Error::forbidden_trailer); break;
  }
}

}  // namespace weir::codec
