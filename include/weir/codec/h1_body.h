// Takes the framing off an HTTP/1.1 body (RFC 9112, 6 and 7) without copying it.
//
// Strict: chunk sizes are 1 to 16 hexadecimal digits below 2^63, without sign or white space; lines
// end in CR LF. Chunk extensions are dropped when they are well formed (RFC 9112, 7.1.1, without
// the white space that it calls bad) and refused otherwise; together they may exceed the data by
// 4 KiB at most, so that nobody is kept busy with framing (compare CVE-2023-39326). Trailers obey
// the rules and limits of a head. RFC 9110, 6.5.1: those that would change framing, routing or
// the connection are refused; those that weir or a recipient reads from a head (authorization,
// cookies, content-type, budgets, ...) are dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "weir/codec/h1_error.h"
#include "weir/http/fields.h"
#include "weir/http/message.h"

namespace weir::codec {

// To write an http::Source over a read buffer:
//   pull():     step = decoder.decode(buffer); buffer.drop(step.skip); give step.data
//   consume(n): decoder.take(n); buffer.drop(n)
//   peer gone:  decoder.close()
class BodyDecoder {
 public:
  struct Step {
    enum class State : std::uint8_t {
      need_more,  // read on
      data,       // `data` holds at least one byte
      end,        // complete; what follows belongs to the next message
      error       // see `error`; final
    };
    State state = State::need_more;
    std::size_t skip = 0;        // framing at the front of what was passed: drop it in any state
    std::span<const char> data;  // begins after `skip`
    H1Error error = H1Error::cut_off;
  };

  explicit BodyDecoder(http::BodyLength length, H1Limits limits = {});
  // Starts on another body; keeps memory.
  void reset(http::BodyLength length);

  // `buffered` is everything that has arrived and was neither skipped nor taken. Gives the same
  // data again until it is taken. A trailer line has to fit into the buffer: limits.head_bytes.
  Step decode(std::span<const char> buffered);
  // `count` bytes of the data last given are done with.
  void take(std::size_t count);
  // Nothing will follow what is buffered. From now on decode() says `end` (a body until close) or
  // `cut_off` instead of `need_more`.
  void close() { closed_ = true; }

  // Complete, and decode() has said so.
  bool ended() const { return phase_ == Phase::ended; }
  // After the end of a chunked body.
  const http::Fields& trailers() const { return trailers_; }

 private:
  enum class Phase : std::uint8_t {
    known_data,
    open_data,  // until close
    chunk_size,
    extension_name,
    extension_rest,  // further characters of the name
    extension_value,
    extension_token,
    extension_quoted,
    extension_escaped,
    extension_closed,  // after the closing quote
    size_feed,         // the LF of the size line
    chunk_data,
    chunk_return,  // the CR after the data
    chunk_feed,
    trailers,
    ended,
    failed
  };

  Step data_step(std::size_t skip, std::span<const char> rest) const;
  Step fail(std::size_t skip, H1Error error);
  Step wait(std::size_t skip);
  // One byte of framing.
  void frame(char byte);
  void frame_size(char byte);
  void frame_extension(char byte);
  void begin_chunk();
  void refuse(H1Error error);
  // How many bytes of trailer lines are done with.
  std::size_t read_trailers(std::span<const char> buffered);
  void take_trailer(const http::Field& field);

  H1Limits limits_;
  Phase phase_ = Phase::ended;
  H1Error error_ = H1Error::cut_off;
  bool closed_ = false;
  std::uint8_t digits_ = 0;             // of the chunk size
  std::uint64_t remaining_ = 0;         // data bytes of the body or of this chunk
  std::uint64_t extension_excess_ = 0;  // extension bytes beyond data bytes
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_count_ = 0;
  std::size_t searched_ = 0;  // of the unfinished trailer line
  http::Fields trailers_;
};

}  // namespace weir::codec
