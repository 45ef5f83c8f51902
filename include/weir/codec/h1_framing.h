// What the fields of an HTTP/1.1 head say about its body and its connection, gathered field by
// field, and how far a parser has come. Parts of the head parsers, of no use by themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/codec/h1_error.h"
#include "weir/http/message.h"

namespace weir::codec {

// Offsets are from the start of the head.
struct H1Progress {
  std::size_t line = 0;      // where the line begins that is not yet complete
  std::size_t searched = 0;  // no line ends before here, from `line` on
  std::size_t fields = 0;    // field lines seen
  bool in_fields = false;    // the start line is done
};

// Content-Length and Transfer-Encoding: at most one of them, at most once.
class H1Framing {
 public:
  enum class Kind : std::uint8_t { absent, length, chunked };

  // 1*DIGIT, no sign, no leading zero, at most 2^63-1.
  std::optional<H1Error> take_content_length(std::string_view value);
  // Exactly `chunked`, in any case, and only in HTTP/1.1.
  std::optional<H1Error> take_transfer_encoding(std::string_view value, http::Version version);

  Kind kind() const { return kind_; }
  // Whether a body was announced: chunked, or a length above 0.
  bool announces_body() const { return kind_ == Kind::chunked || length_ > 0; }
  // The body that a message has which may have one; `absent` is for what nothing announces.
  http::BodyLength body(http::BodyLength absent) const;

 private:
  Kind kind_ = Kind::absent;
  std::uint64_t length_ = 0;
};

// The options of all Connection fields that matter here.
class H1Connection {
 public:
  // A list of tokens; empty elements are allowed (RFC 9110, 5.6.1).
  std::optional<H1Error> take(std::string_view value);
  bool upgrade() const { return upgrade_; }
  // RFC 9112, 9.3: `close` wins over `keep-alive`.
  bool keep_alive(http::Version version) const;

 private:
  void take_option(std::string_view option);

  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_ = false;
};

}  // namespace weir::codec
