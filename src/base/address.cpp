#include "weir/base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "weir/base/hash.h"

namespace weir {

Address Address::v4(std::array<std::uint8_t, 4> host, std::uint16_t port) {
  Address address;
  address.port_ = port;
  std::ranges::copy(host, address.host_.begin());
  return address;
}

Address Address::v6(std::array<std::uint8_t, 16> host, std::uint16_t port) {
  Address address;
  address.family_ = Family::v6;
  address.port_ = port;
  address.host_ = host;
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;

  std::string host{text.substr(0, colon)};
  if (host.find('\0') != std::string::npos) return std::nullopt;  // inet_pton() would stop there
  if (host == "localhost") host = "127.0.0.1";
  if (std::array<std::uint8_t, 4> bytes{}; inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) {
    return v4(bytes, port);
  }
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
  host = host.substr(1, host.size() - 2);
  if (std::array<std::uint8_t, 16> bytes{}; inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) {
    return v6(bytes, port);
  }
  return std::nullopt;
}

bool Address::loopback() const {
  if (family_ == Family::v4) return host_[0] == 127;
  return std::all_of(host_.begin(), host_.end() - 1, [](auto byte) { return byte == 0; }) &&
         host_[15] == 1;
}

std::string Address::host() const {
  if (family_ == Family::v4) {
    std::string text;  // at most 15 characters: no allocation
    for (std::size_t byte = 0; byte < 4; ++byte) {
      if (byte > 0) text += '.';
      const unsigned value = host_[byte];
      if (value >= 100) text += static_cast<char>('0' + value / 100);
      if (value >= 10) text += static_cast<char>('0' + value / 10 % 10);
      text += static_cast<char>('0' + value % 10);
    }
    return text;
  }
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(AF_INET6, host_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::string Address::text() const {
  const std::string port = std::to_string(port_);
  return family_ == Family::v4 ? host() + ":" + port : "[" + host() + "]:" + port;
}

std::uint64_t Address::hash() const {
  const std::string_view bytes{reinterpret_cast<const char*>(host_.data()), host_.size()};
  return stable_hash(bytes, port_);
}

}  // namespace weir
