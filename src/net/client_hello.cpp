#include "net/client_hello.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace weir::net {
namespace {

constexpr std::uint8_t handshake_record = 22;
constexpr std::uint8_t client_hello = 1;
constexpr std::size_t record_header = 5;
constexpr std::size_t message_header = 4;
constexpr std::size_t largest_fragment = 16384;
constexpr std::size_t longest_name = 255;
constexpr unsigned extension_server_name = 0;
constexpr unsigned extension_alpn = 16;

// Takes from the front; once something was missing, everything is.
class Cursor {
 public:
  explicit Cursor(std::string_view rest) : rest_(rest) {}

  bool failed() const { return failed_; }
  bool done() const { return rest_.empty(); }

  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (const char c : bytes(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  // What stands behind its own length.
  std::string_view counted(std::size_t size) { return bytes(number(size)); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

bool is_in_host_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

// False when malformed. A name that no host can have is left out.
bool read_server_name(std::string_view extension, ClientHello& hello) {
  Cursor outer{extension};
  Cursor list{outer.counted(2)};
  if (outer.failed() || !outer.done() || list.done()) return false;
  while (!list.done()) {
    const std::size_t type = list.number(1);
    const std::string_view name = list.counted(2);
    if (list.failed()) return false;
    if (type != 0 || name.size() > longest_name || !std::ranges::all_of(name, is_in_host_name)) {
      continue;
    }
    hello.server_name = name;
    for (char& c : hello.server_name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return true;
}

bool read_alpn(std::string_view extension, ClientHello& hello) {
  Cursor outer{extension};
  Cursor list{outer.counted(2)};
  if (outer.failed() || !outer.done()) return false;
  while (!list.done()) {
    if (list.counted(1) == "h2") hello.offers_h2 = true;
  }
  return !list.failed();
}

bool read_extensions(std::string_view bytes, ClientHello& hello) {
  Cursor extensions{bytes};
  while (!extensions.done()) {
    const std::size_t type = extensions.number(2);
    const std::string_view body = extensions.counted(2);
    if (extensions.failed()) return false;
    if (type == extension_server_name && !read_server_name(body, hello)) return false;
    if (type == extension_alpn && !read_alpn(body, hello)) return false;
  }
  return true;
}

bool read_message(std::string_view message, ClientHello& hello) {
  Cursor cursor{message};
  cursor.bytes(2 + 32);  // version, random
  cursor.counted(1);     // session
  cursor.counted(2);     // ciphers
  cursor.counted(1);     // compression
  if (cursor.failed()) return false;
  if (cursor.done()) return true;  // TLS 1.2 may do without extensions
  const std::string_view extensions = cursor.counted(2);
  return !cursor.failed() && cursor.done() && read_extensions(extensions, hello);
}

// What of the handshake message has arrived, out of its records; nullopt: this is not TLS.
std::optional<std::string> join_records(std::string_view bytes) {
  std::string message;
  while (!bytes.empty()) {
    // Byte by byte: what cannot become a record is refused as soon as it shows.
    if (static_cast<unsigned char>(bytes[0]) != handshake_record) return std::nullopt;
    if (bytes.size() > 1 && bytes[1] != 3) return std::nullopt;
    if (bytes.size() > 2 && static_cast<unsigned char>(bytes[2]) > 4) return std::nullopt;
    if (bytes.size() < record_header) break;
    const std::size_t size = Cursor{bytes.substr(3)}.number(2);
    if (size == 0 || size > largest_fragment) return std::nullopt;
    bytes.remove_prefix(record_header);
    message.append(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
    if (message.size() >= message_header &&
        message.size() >= message_header + Cursor{std::string_view{message}.substr(1)}.number(3)) {
      break;  // what follows is none of our business
    }
  }
  return message;
}

HelloResult malformed() { return {HelloReading::malformed, {}}; }

}  // namespace

HelloResult read_client_hello(std::span<const char> bytes) {
  const std::string_view looked_at{bytes.data(), std::min(bytes.size(), largest_hello)};
  const auto message = join_records(looked_at);
  if (!message) return malformed();
  if (!message->empty() && static_cast<unsigned char>(message->front()) != client_hello) {
    return malformed();
  }
  Cursor cursor{*message};
  cursor.bytes(1);
  const std::size_t size = cursor.number(3);
  if (!cursor.failed() && record_header + message_header + size > largest_hello) {
    return malformed();
  }
  const std::string_view body = cursor.bytes(size);
  if (cursor.failed()) {
    return looked_at.size() == largest_hello ? malformed() : HelloResult{};
  }
  HelloResult result{HelloReading::complete, {}};
  return read_message(body, result.hello) ? std::move(result) : malformed();
}

}  // namespace weir::net
