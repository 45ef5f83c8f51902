// Reads what a TLS client says first, without being its server (RFC 8446, 4.1.2; RFC 6066, 3;
// RFC 7301, 3.1).
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace weir::net {

struct ClientHello {
  std::string server_name;  // in small letters; empty without SNI
  bool offers_h2 = false;   // by ALPN
};

enum class HelloReading : std::uint8_t { incomplete, complete, malformed };

struct HelloResult {
  HelloReading reading = HelloReading::incomplete;
  ClientHello hello;
};

// `bytes` begin with the first record. Once it is complete or malformed, more bytes change nothing.
// A message that needs more than `largest_hello` bytes with its record headers is malformed.
HelloResult read_client_hello(std::span<const char> bytes);

inline constexpr std::size_t largest_hello = 16384;

}  // namespace weir::net
