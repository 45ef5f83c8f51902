// A network address: an IPv4 or IPv6 host and a port. A value; no sockets, no resolver.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

class Address {
 public:
  enum class Family : std::uint8_t { v4, v6 };

  // 0.0.0.0:0
  Address() = default;
  static Address v4(std::array<std::uint8_t, 4> host, std::uint16_t port);
  static Address v6(std::array<std::uint8_t, 16> host, std::uint16_t port);

  // "10.0.0.4:8080", "[2001:db8::1]:443" and "localhost:8080" (which is 127.0.0.1). Nothing else:
  // no other names, no zone ids, no missing port.
  static std::optional<Address> parse(std::string_view text);

  Family family() const { return family_; }
  std::uint16_t port() const { return port_; }
  // The first 4 bytes (v4) or all 16 (v6), in network order.
  const std::array<std::uint8_t, 16>& host_bytes() const { return host_; }
  bool loopback() const;
  // "10.0.0.4" or "2001:db8::1".
  std::string host() const;
  // What parse() reads.
  std::string text() const;

  auto operator<=>(const Address&) const = default;
  std::uint64_t hash() const;

 private:
  Family family_ = Family::v4;
  std::uint16_t port_ = 0;
  std::array<std::uint8_t, 16> host_{};
};

}  // namespace weir

template <>
struct std::hash<weir::Address> {
  std::size_t operator()(const weir::Address& address) const noexcept { return address.hash(); }
};
