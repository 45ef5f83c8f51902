// A header block on its way in: field by field to a head in weir's terms, or to a refusal.
//
// What RFC 9113, 8.1 to 8.3 calls malformed is refused as that, by nghttp2 before it comes here or
// by this; beyond it whatever an HTTP/1 recipient could read in two ways, with the rules of
// codec/h1_head.h. Only one block is in progress on a connection, so that one object serves all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/codec/h1_error.h"
#include "weir/codec/h1_framing.h"
#include "weir/http/message.h"

namespace weir::codec {

struct H2Verdict {
  enum class Kind : std::uint8_t {
    valid,
    answered,  // with the status of `error`: the peer can understand what is wrong
    malformed  // reset with PROTOCOL_ERROR
  };
  Kind kind = Kind::valid;
  H1Error error = H1Error::bad_target;
  std::string_view reason;  // a word, in snake_case
};

class H2HeadIn {
 public:
  enum class Part : std::uint8_t { request, response, trailers };
  enum class Ending : std::uint8_t { open, ends };  // END_STREAM

  explicit H2HeadIn(const H1Limits& limits) : limits_(limits) {}

  void begin(Part part);
  Part part() const { return part_; }
  // `name` may be a pseudo-field. Both are copied.
  void take(std::string_view name, std::string_view value);
  // So large, decoded, that nobody means it: more than four times the limit.
  bool excessive() const { return bytes_ > 4 * limits_.head_bytes; }
  // The block has ended.
  H2Verdict finish_request(Ending ending);
  H2Verdict finish_response(Ending ending, http::Method request);
  H2Verdict finish_trailers();

  // Once finished and valid, until begin().
  http::RequestHead& request() { return request_; }
  http::ResponseHead& response() { return response_; }
  const http::Fields& trailers() const { return trailers_; }

 private:
  void take_pseudo(std::string_view name, std::string_view value);
  void take_field(const http::Field& field);
  void take_request_field(const http::Field& field);
  void take_trailer(const http::Field& field);
  void take_length(std::string_view value);
  void take_host(std::string_view value);
  void finish_authority();
  void finish_connect(Ending ending);
  void finish_target();
  bool has_no_body(http::Method request) const;

  // The first problem stays.
  void answer(H1Error error);
  void malformed(std::string_view reason);
  bool fine() const { return verdict_.kind == H2Verdict::Kind::valid; }

  H1Limits limits_;
  Part part_ = Part::request;
  H2Verdict verdict_;
  std::size_t bytes_ = 0;  // decoded: RFC 7541, 4.1
  std::size_t count_ = 0;
  H1Framing framing_;
  http::RequestHead request_;
  http::ResponseHead response_;
  http::Fields trailers_;
  std::string host_;
  std::string cookie_;
};

}  // namespace weir::codec
