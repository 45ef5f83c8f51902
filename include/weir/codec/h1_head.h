// Strict parsers for the head of an HTTP/1.1 request and response (RFC 9110, RFC 9112).
//
// Whatever two parsers could read differently is refused, never repaired: RFC 9112 lets a recipient
// accept bare LF, obs-fold, repeated equal lengths and more, and each of them has been a way to
// smuggle requests. Beyond the RFCs these are refused as well: Transfer-Encoding other than one
// field saying `chunked`; Content-Length with leading zeros; a host that is not made of unreserved
// characters, or whose last label is numeric without being a dotted IPv4 address; an empty or zero
// port; Content-Length or Transfer-Encoding in CONNECT. Tolerated: one empty line before a request
// (RFC 9112, 2.2); `[` and `]` in a query, which everybody sends; a status line that ends after
// its code, with or without a space, because nothing is read from the phrase; and
// `Content-Length: 0` where no body is allowed, because it cannot be read in two ways.
//
// The caller passes everything that has arrived since the start of the head, each time again; the
// parser remembers how far it looked, so that byte by byte is linear. A refusal comes with
// the first complete line that deserves it, and at once for an impossible first byte. It is final
// until reset(). The result does not depend on how the bytes were split. Nothing is allocated when
// the head has been used before for messages of that size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "weir/codec/h1_error.h"
#include "weir/codec/h1_framing.h"
#include "weir/http/message.h"

namespace weir::codec {

// Fills a RequestHead as its declaration says. Host, Content-Length and Transfer-Encoding are not
// put into its fields; everything else is, hop-by-hop fields included. `authority` is empty
// only for HTTP/1.0 without Host. `expects_continue` is false without a body and in HTTP/1.0.
class RequestHeadParser {
 public:
  // `head` is cleared now and by reset(), and must outlive the parser's use.
  explicit RequestHeadParser(http::RequestHead& head, H1Limits limits = {});

  // The size of the head in bytes, or 0 when more is needed.
  std::expected<std::size_t, H1Error> parse(std::span<const char> buffered);
  // True once anything but the tolerated empty line has been seen.
  bool started() const { return progress_.searched > progress_.line || progress_.in_fields; }
  void reset();

 private:
  std::optional<H1Error> parse_start(std::span<const char> buffered);
  std::optional<H1Error> take_target(std::string_view target);
  std::optional<H1Error> take_absolute(std::string_view target);
  std::optional<H1Error> take(const http::Field& field);
  std::optional<H1Error> take_host(std::string_view value);
  std::optional<H1Error> finish();

  http::RequestHead& head_;
  H1Limits limits_;
  H1Progress progress_;
  H1Framing framing_;
  H1Connection connection_;
  enum class Host : std::uint8_t { absent, given } host_ = Host::absent;
};

// Fills a ResponseHead. Content-Length stays in the fields only where it describes what was not
// sent (the answer to HEAD, and 304). `keep_alive` is false for a body that ends with the
// connection. After a 1xx the final head follows: reset() with the same method.
class ResponseHeadParser {
 public:
  explicit ResponseHeadParser(http::ResponseHead& head, H1Limits limits = {});

  std::expected<std::size_t, H1Error> parse(std::span<const char> buffered);
  // `request` is the method of the request that is answered.
  void reset(http::Method request);

 private:
  std::optional<H1Error> parse_start(std::span<const char> buffered);
  std::optional<H1Error> take(const http::Field& field);
  std::optional<H1Error> finish();
  bool describes_absent_body() const;
  bool never_has_body() const;

  http::ResponseHead& head_;
  H1Limits limits_;
  H1Progress progress_;
  H1Framing framing_;
  H1Connection connection_;
  http::Method request_ = http::Method::get;
};

}  // namespace weir::codec
