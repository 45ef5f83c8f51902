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
  // Each is valid until the next call, and as long as what it was made from. nghttp2 copies all but
  // names that are constants, and writes those that it copies in lower case.
  std::span<const nghttp2_nv> request(const http::RequestHead& head);
  // 101 becomes 200 (RFC 8441). `request` is the method of the request that is answered.
  std::span<const nghttp2_nv> response(const http::ResponseHead& head, http::Method request);
  std::span<const nghttp2_nv> trailers(const http::Fields& fields);

 private:
  // Makes room for `fields` and what comes beside them.
  void begin(const http::Fields& fields);
  void add(std::string_view name, std::string_view value, std::uint8_t flags);
  // `name` is a constant in lower case.
  void add_known(std::string_view name, std::string_view value,
                 std::uint8_t flags = NGHTTP2_NV_FLAG_NONE);
  void add_field(const http::Field& field);
  void add_length(std::uint64_t bytes);

  std::span<const nghttp2_nv> finished() const { return std::span{fields_}.first(count_); }

  std::vector<nghttp2_nv> fields_;  // grows only; `count_` of them are in use
  std::size_t count_ = 0;
  std::size_t heads_ = 0;
  http::NameSet named_;            // fields that are in HPACK's table, or have been
  std::array<char, 20> digits_{};  // of a length
  std::array<char, 5> status_{};
};

}  // namespace weir::codec
