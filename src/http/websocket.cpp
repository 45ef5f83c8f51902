#include "weir/http/websocket.h"

#include <algorithm>
#include <array>
#include <boost/uuid/detail/sha1.hpp>
#include <cstdint>
#include <span>

namespace weir::http {
namespace {

// RFC 4648, section 4.
std::string to_base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t group = 3;
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += group) {
    const auto piece = bytes.subspan(at, std::min(group, bytes.size() - at));
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < group; ++i) bits = bits << 8U | (i < piece.size() ? piece[i] : 0U);
    for (std::size_t i = 0; i <= group; ++i) {
      const auto digit = bits >> (18U - 6U * static_cast<unsigned>(i)) & 0x3fU;
      text.push_back(i <= piece.size() ? alphabet[digit] : '=');
    }
  }
  return text;
}

}  // namespace

std::string make_websocket_key(Random& random) {
  std::array<std::uint8_t, 16> nonce{};
  for (std::size_t at = 0; at < nonce.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t bits = random.next();
    for (std::size_t i = 0; i < sizeof bits; ++i, bits >>= 8U) {
      nonce[at + i] = static_cast<std::uint8_t>(bits & 0xffU);
    }
  }
  return to_base64(nonce);
}

std::string websocket_accept(std::string_view key) {
  constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  boost::uuids::detail::sha1 hash;
  hash.process_bytes(key.data(), key.size());
  hash.process_bytes(guid.data(), guid.size());
  boost::uuids::detail::sha1::digest_type words{};
  hash.get_digest(words);
  std::array<std::uint8_t, sizeof words> digest{};
  for (std::size_t at = 0; at < digest.size(); ++at) {
    digest[at] = static_cast<std::uint8_t>(words[at / 4] >> (24U - 8U * (at % 4)) & 0xffU);
  }
  return to_base64(digest);
}

}  // namespace weir::http
