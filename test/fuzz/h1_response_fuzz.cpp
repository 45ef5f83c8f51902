// Responses: the same verdict whole and split, and the same reading as llhttp. The first byte
// chooses the method that is answered.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../unit/codec/llhttp_oracle.h"

namespace weir::codec {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

using Result = std::expected<std::size_t, H1Error>;

Result parse_split(ResponseHeadParser& parser, std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    end = std::min(text.size(), end + 1 + static_cast<unsigned char>(text[end]) % 7);
    const Result result = parser.parse(text.substr(0, end));
    if (!result || *result > 0) return result;
  }
  return 0;
}

void compare_with_llhttp(std::string_view text, http::Method asked) {
  const SeenMessage weir = weir_response(text, asked);
  if (!weir.complete || !LlhttpOracle::agrees_on(text)) return;
  const SeenMessage oracle = LlhttpOracle::response(text, asked);
  require(oracle.complete);
  require(oracle.status == weir.status);
  require(oracle.body == weir.body);
  require(oracle.used == weir.used);
  require(oracle.fields == weir.fields);
}

}  // namespace
}  // namespace weir::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::codec;
  using weir::http::Method;
  if (size == 0) return 0;
  constexpr std::array asked{Method::get, Method::head, Method::connect, Method::post};
  const Method method = asked[data[0] % asked.size()];
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const H1Limits limits{.head_bytes = 2048, .field_count = 20};
  weir::http::ResponseHead head;
  ResponseHeadParser whole{head, limits};
  whole.reset(method);
  const Result result = whole.parse(text);
  weir::http::ResponseHead split_head;
  ResponseHeadParser split{split_head, limits};
  split.reset(method);
  require(parse_split(split, text) == result);
  if (result && *result > 0) {
    require(head.fields.size() == split_head.fields.size() && head.body == split_head.body);
  }
  compare_with_llhttp(text, method);
  return 0;
}
