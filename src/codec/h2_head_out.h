// Heads and trailers on their way out, as nghttp2 takes them.
//
// Framing comes from head.body alone, as in codec/h1_writer.h; fields of a connection, and names or
// values that no recipient may accept, are left out whatever their source was.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "weir/http/message.h"

namespace weir::codec {

class H2HeadOut {
 public:
  // Each is valid until the next call, and as long as what it was made from. nghttp2 copies, and
  // writes names in lower case.
  std::span<const nghttp2_nv> request(const http::RequestHead& head);
  // 101 becomes 200 (RFC 8441). `request` is the method of the request that is answered.
  std::span<const nghttp2_nv> response(const http::ResponseHead& head, http::Method request);
  std::span<const nghttp2_nv> trailers(const http::Fields& fields);

 private:
  void add(std::string_view name, std::string_view value, std::uint8_t flags = 0);
  void add_field(const http::Field& field);
  void add_length(std::uint64_t bytes);

  std::vector<nghttp2_nv> fields_;
  std::array<char, 20> digits_{};  // of a length
  std::array<char, 5> status_{};
};

}  // namespace weir::codec
