#include "weir/codec/h1_framing.h"

#include <charconv>

#include "h1_chars.h"

namespace weir::codec {
namespace {

constexpr std::uint64_t longest_body = (1ULL << 63U) - 1;

// from_chars takes neither a sign nor white space for an unsigned type. A leading zero is refused
// because some parsers read it as octal.
std::optional<std::uint64_t> parse_length(std::string_view digits) {
  std::uint64_t length = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, failure] = std::from_chars(digits.data(), end, length);
  if (failure != std::errc{} || stopped != end || length > longest_body) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return length;
}

}  // namespace

std::optional<H1Error> H1Framing::take_content_length(std::string_view value) {
  if (kind_ == Kind::length) return H1Error::several_content_lengths;
  if (kind_ == Kind::chunked) return H1Error::length_with_coding;
  const auto length = parse_length(value);
  if (!length) return H1Error::bad_content_length;
  kind_ = Kind::length;
  length_ = *length;
  return std::nullopt;
}

std::optional<H1Error> H1Framing::take_transfer_encoding(std::string_view value,
                                                         http::Version version) {
  if (kind_ == Kind::chunked) return H1Error::several_transfer_encodings;
  if (kind_ == Kind::length) return H1Error::length_with_coding;
  if (version == http::Version::http_1_0) return H1Error::coding_in_http_1_0;
  if (!http::equal_without_case(value, "chunked")) return H1Error::unknown_transfer_coding;
  kind_ = Kind::chunked;
  return std::nullopt;
}

http::BodyLength H1Framing::body(http::BodyLength absent) const {
  switch (kind_) {
    case Kind::absent: return absent;
    case Kind::length: return http::BodyLength::known(length_);
    case Kind::chunked: return http::BodyLength::chunked();
  }
  return absent;
}

std::optional<H1Error> H1Connection::take(std::string_view value) {
  const char* at = value.data();
  const char* const end = at + value.size();
  const auto skip_white_space = [&] {
    while (at != end && (*at == ' ' || *at == '\t')) ++at;
  };
  while (true) {
    skip_white_space();
    const char* const start = at;
    at = skip(Class::token, at, end);
    take_option({start, at});
    skip_white_space();
    if (at == end) return std::nullopt;
    if (*at++ != ',') return H1Error::bad_connection_option;
  }
}

void H1Connection::take_option(std::string_view option) {
  if (http::equal_without_case(option, "close")) close_ = true;
  if (http::equal_without_case(option, "keep-alive")) keep_alive_ = true;
  if (http::equal_without_case(option, "upgrade")) upgrade_ = true;
}

bool H1Connection::keep_alive(http::Version version) const {
  if (close_) return false;
  return version == http::Version::http_1_1 || keep_alive_;
}

}  // namespace weir::codec
