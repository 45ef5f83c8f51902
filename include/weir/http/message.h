// The head of a request and of a response, in the terms of RFC 9110, free of any version's framing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/http/fields.h"
#include "weir/http/method.h"

namespace weir::http {

enum class Version : std::uint8_t { http_1_0, http_1_1, http_2 };
std::string_view name_of(Version version);  // "1.0", "1.1", "2"

// How long a body is, as its framing said.
struct BodyLength {
  enum class Kind : std::uint8_t {
    none,        // no body at all
    known,       // `bytes` of them
    chunked,     // ends by its own framing (HTTP/1.1 chunked, HTTP/2 END_STREAM); may have trailers
    until_close  // ends with the connection; responses only
  };
  Kind kind = Kind::none;
  std::uint64_t bytes = 0;

  static constexpr BodyLength none() { return {}; }
  static constexpr BodyLength known(std::uint64_t bytes) {
    return bytes == 0 ? none() : BodyLength{Kind::known, bytes};
  }
  static constexpr BodyLength chunked() { return {Kind::chunked, 0}; }
  static constexpr BodyLength until_close() { return {Kind::until_close, 0}; }
  constexpr bool empty() const { return kind == Kind::none; }
  constexpr bool operator==(const BodyLength&) const = default;
};

struct RequestHead {
  Method method = Method::get;
  std::string method_text;  // as it came
  std::string target;       // origin form: path and query; "*" for OPTIONS *; empty for CONNECT
  std::string authority;    // Host or :authority, lower case, as host[:port]
  std::string scheme;       // of an absolute-form target; else empty
  Version version = Version::http_1_1;
  BodyLength body;
  bool expects_continue = false;
  bool keep_alive = true;  // what the version and Connection say
  std::string upgrade;     // the protocol asked for; empty without an upgrade
  Fields fields;           // everything but Host; hop-by-hop fields still in it

  std::string_view path() const;   // target up to '?'
  std::string_view query() const;  // after '?'; may be empty
  bool is_grpc() const;            // content-type application/grpc[+...]
  void clear();                    // keeps memory
};

struct ResponseHead {
  std::uint16_t status = 0;  // 100..599
  std::string reason;        // HTTP/1 only; may be empty
  Version version = Version::http_1_1;
  BodyLength body;
  bool keep_alive = true;
  Fields fields;

  bool informational() const { return status < 200; }
  void clear();
};

// The phrase of RFC 9110, section 15; "Unknown" for the rest.
std::string_view reason_phrase(std::uint16_t status);

}  // namespace weir::http
