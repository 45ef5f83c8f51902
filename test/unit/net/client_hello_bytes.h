// Makes ClientHellos, good ones and others.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::net {

struct HelloWish {
  std::optional<std::string> server_name = {};
  std::vector<std::string> alpn = {};
  std::string extensions = {};  // further ones, as they go over the wire
  std::size_t record_size = 16384;
};

inline std::string number(std::size_t value, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = size; i > 0; --i, value >>= 8) text[i - 1] = static_cast<char>(value & 255);
  return text;
}

inline std::string counted(std::size_t size, std::string_view text) {
  return number(text.size(), size).append(text);
}

inline std::string extension(std::size_t type, std::string_view body) {
  return number(type, 2) + counted(2, body);
}

// A handshake message in records of at most `record_size`.
inline std::string in_records(std::string_view message, std::size_t record_size) {
  std::string records;
  while (!message.empty()) {
    const std::string_view piece = message.substr(0, record_size);
    records += "\x16\x03\x01" + counted(2, piece);
    message.remove_prefix(piece.size());
  }
  return records;
}

inline std::string client_hello(const HelloWish& wish) {
  std::string extensions = extension(0x0a0a, "");  // GREASE (RFC 8701)
  if (wish.server_name) {
    extensions += extension(0, counted(2, '\0' + counted(2, *wish.server_name)));
  }
  if (!wish.alpn.empty()) {
    std::string list = counted(1, "\x0a\x0a");
    for (const std::string& protocol : wish.alpn) list += counted(1, protocol);
    extensions += extension(16, counted(2, list));
  }
  extensions += wish.extensions;
  const std::string body = "\x03\x03" + std::string(32, 'r') + counted(1, std::string(32, 's')) +
                           counted(2, "\x13\x01\x13\x02") + counted(1, std::string(1, '\0')) +
                           counted(2, extensions);
  return in_records("\x01" + counted(3, body), wish.record_size);
}

}  // namespace weir::net
