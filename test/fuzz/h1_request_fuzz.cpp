// Requests: the same verdict whole and split, the same reading as llhttp, and what is written
// again is read again as the same request.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/codec/llhttp_oracle.h"
#include "weir/codec/h1_writer.h"
#include "weir/http/hop_by_hop.h"

namespace weir::codec {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

using Result = std::expected<std::size_t, H1Error>;

// Feeds pieces whose sizes come from the text itself.
Result parse_split(RequestHeadParser& parser, std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    end = std::min(text.size(), end + 1 + static_cast<unsigned char>(text[end]) % 7);
    const Result result = parser.parse(text.substr(0, end));
    if (!result || *result > 0) return result;
  }
  return 0;
}

bool known_to_llhttp(std::string_view method) {
  for (int known = HTTP_DELETE; known <= HTTP_SOURCE; ++known) {
    if (method == llhttp_method_name(static_cast<llhttp_method_t>(known))) return true;
  }
  return false;
}

void compare_with_llhttp(std::string_view text) {
  const SeenMessage weir = weir_request(text);
  if (!weir.complete || !known_to_llhttp(weir.method)) return;
  if (!LlhttpOracle::agrees_on(text)) return;
  const SeenMessage oracle = LlhttpOracle::request(text);
  require(oracle.complete);
  require(oracle.method == weir.method);
  require(oracle.body == weir.body);
  require(oracle.used == weir.used);
  require(oracle.fields == weir.fields);
}

// As a proxy hands it on.
void write_and_read_again(http::RequestHead& head) {
  http::remove_hop_by_hop(head.fields);
  std::string text;
  write_request_head(head, text);
  http::RequestHead again;
  RequestHeadParser parser{again};
  const bool has_host = !head.authority.empty();
  const Result size = parser.parse(text);
  require(size.has_value() == has_host);
  if (!size) return;
  require(*size == text.size());
  require(again.target == head.target && again.authority == head.authority);
  require(again.method_text == head.method_text && again.body == head.body);
}

}  // namespace
}  // namespace weir::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::codec;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const H1Limits limits{.head_bytes = 2048, .field_count = 20, .target_bytes = 256};
  weir::http::RequestHead head;
  RequestHeadParser whole{head, limits};
  const Result result = whole.parse(text);
  weir::http::RequestHead split_head;
  RequestHeadParser split{split_head, limits};
  require(parse_split(split, text) == result);
  if (result && *result > 0) {
    require(head.fields.size() == split_head.fields.size());
    require(head.body == split_head.body && head.target == split_head.target);
    write_and_read_again(head);
  }
  compare_with_llhttp(text);
  return 0;
}
