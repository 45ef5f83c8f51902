// What a parser saw in some bytes, in terms that all parsers share; and what weir's own saw.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/codec/h1_body.h"
#include "weir/codec/h1_head.h"

namespace weir::codec {

struct SeenMessage {
  bool complete = false;
  std::string why;  // it is not complete
  std::string method;
  std::string target;  // as in the request line
  unsigned status = 0;
  std::string body;
  std::size_t used = 0;  // bytes of the message
  // In order, names in lower case, without Host and framing.
  std::vector<std::pair<std::string, std::string>> fields;
  std::size_t trailers = 0;

  void add_field(std::string_view name, std::string_view value) {
    const auto id = http::parse_name(name);
    const bool framing = id == http::Name::host || id == http::Name::content_length ||
                         id == http::Name::transfer_encoding;
    if (framing) return;
    const auto first = value.find_first_not_of(" \t");
    const auto last = value.find_last_not_of(" \t");
    value = first == value.npos ? std::string_view{} : value.substr(first, last - first + 1);
    std::string lower{name};
    for (char& byte : lower)
      byte = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte;
    fields.emplace_back(std::move(lower), value);
  }
};

inline void read_body(http::BodyLength length, std::string_view text, SeenMessage& seen) {
  using State = BodyDecoder::Step::State;
  BodyDecoder decoder{length};
  decoder.close();
  while (true) {
    const auto step = decoder.decode(text.substr(seen.used));
    seen.used += step.skip + step.data.size();
    seen.body.append(step.data.data(), step.data.size());
    seen.complete = step.state == State::end;
    if (step.state == State::error) seen.why = describe(step.error);
    if (step.state != State::data) break;
    decoder.take(step.data.size());
  }
  seen.trailers = decoder.trailers().size();
}

// `head` is what `size`, the result of a parser, belongs to.
template <class Head>
SeenMessage seen_by_weir(const Head& head, std::expected<std::size_t, H1Error> size,
                         std::string_view text) {
  SeenMessage seen;
  if (!size) seen.why = describe(size.error());
  if (size.value_or(0) == 0) return seen;
  seen.used = *size;
  head.fields.for_each([&](const http::Field& field) { seen.add_field(field.name, field.value); });
  read_body(head.body, text, seen);
  return seen;
}

inline SeenMessage weir_request(std::string_view text) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  SeenMessage seen = seen_by_weir(head, parser.parse(text), text);
  seen.method = head.method_text;
  seen.target =
      head.scheme.empty() ? head.target : head.scheme + "://" + head.authority + head.target;
  if (head.method == http::Method::connect) seen.target = head.authority;
  return seen;
}

inline SeenMessage weir_response(std::string_view text, http::Method request) {
  http::ResponseHead head;
  ResponseHeadParser parser{head};
  parser.reset(request);
  SeenMessage seen = seen_by_weir(head, parser.parse(text), text);
  seen.status = head.status;
  return seen;
}

}  // namespace weir::codec
