// Frames written and read by hand, for peers that do what no library would.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "h2_pair.h"

namespace weir::codec {

enum RawType : std::uint8_t {
  raw_data = 0,
  raw_headers = 1,
  raw_priority = 2,
  raw_reset = 3,
  raw_settings = 4,
  raw_ping = 6,
  raw_goaway = 7,
  raw_window = 8,
  raw_continuation = 9
};
inline constexpr std::uint8_t end_stream = 1;
inline constexpr std::uint8_t end_headers = 4;
inline constexpr std::uint8_t padded = 8;

inline std::string big_endian(std::uint32_t number, int bytes = 4) {
  std::string text;
  for (int at = bytes - 1; at >= 0; --at) text.push_back(static_cast<char>(number >> (8 * at)));
  return text;
}

inline std::string raw_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                             std::string_view payload = {}) {
  std::string frame = big_endian(static_cast<std::uint32_t>(payload.size()), 3);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  return frame.append(big_endian(id)).append(payload);
}

using RawFields = std::vector<std::pair<std::string, std::string>>;

// HPACK literals that are not indexed, without Huffman: RFC 7541, 6.2.2.
inline std::string raw_block(const RawFields& fields) {
  const auto text = [](std::string& block, std::string_view value) {
    if (value.size() < 127) {
      block.push_back(static_cast<char>(value.size()));
    } else {
      block.push_back(127);
      std::size_t rest = value.size() - 127;
      for (; rest >= 128; rest /= 128) block.push_back(static_cast<char>(rest % 128 | 128U));
      block.push_back(static_cast<char>(rest));
    }
    block.append(value);
  };
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back(0);
    text(block, name);
    text(block, value);
  }
  return block;
}

inline RawFields raw_get(const RawFields& more = {}) {
  RawFields fields{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a:80"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline std::string raw_request(std::uint32_t id, const RawFields& fields,
                               std::uint8_t flags = end_stream | end_headers) {
  return raw_frame(raw_headers, flags, id, raw_block(fields));
}

struct SeenFrame {
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t id;
  std::string payload;

  // The last four bytes of RST_STREAM; of GOAWAY without debug data as well.
  std::uint32_t code(std::size_t at = 0) const {
    std::uint32_t number = 0;
    for (const char byte : payload.substr(at, 4)) {
      number = number << 8U | static_cast<std::uint8_t>(byte);
    }
    return number;
  }
};

inline std::vector<SeenFrame> frames_of(std::string_view bytes) {
  std::vector<SeenFrame> frames;
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t end = at + size; at < end; ++at) {
      value = value << 8U | static_cast<std::uint8_t>(bytes[at]);
    }
    return value;
  };
  while (bytes.size() >= 9) {
    const std::uint32_t size = number(0, 3);
    frames.push_back({static_cast<std::uint8_t>(bytes[3]), static_cast<std::uint8_t>(bytes[4]),
                      number(5, 4), std::string{bytes.substr(9, size)}});
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

// A peer by hand against one of our ends.
struct RawPeer {
  explicit RawPeer(H2Session::Role role, const H2Settings& settings = {}) : end(role, settings) {
    if (role == H2Session::Role::server) send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    send(raw_frame(raw_settings, 0, 0));
    send(raw_frame(raw_settings, 1, 0));
    end.sent();
  }
  void send(std::string_view bytes) { end.session->receive(bytes, now); }
  // What came back since the last call.
  std::vector<SeenFrame> received() { return frames_of(end.sent()); }

  End end;
  Instant now{};
};

}  // namespace weir::codec
